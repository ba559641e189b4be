"""What other pages show of delivery: a line that says whether email goes out, and why it doesn't."""

from typing import Any

from flask import render_template, request
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.core.app_state import app_state
from webapp.mail import servers
from webapp.mail.diagnosis.service import meaning
from webapp.mail.rollback import offers as rollback
from webapp.outbox import listing, service
from webapp.outbox.filters import Filter
from webapp.outbox.labels import describe_cause
from webapp.outbox.server_states import ServerState, server_states
from webapp.outbox.status import DeliveryStatus, Flow, cause_of, delivery_status, held_message

# How many messages the page of an application shows.
SHOWN_OF_APPLICATION = 5


def mail_server_panel() -> str:
    """Render for the mail server page whether email is being delivered."""
    with app_state().database.read_columns() as connection:
        status = delivery_status(connection, clock.now())
    return render_template("outbox/_delivery_status.html", **explain(status))


def failures_panel() -> str:
    """Render that mail is not going out, or else which servers fail, and the way back; for all administrator pages."""
    with app_state().database.read_columns() as connection:
        status, states = delivery_status(connection, clock.now()), server_states(connection)
        may_have_offers = rollback.any_offered(connection)
    if status.stopped_since is None and not states.troubles and not may_have_offers:
        return ""
    with app_state().database.read() as session:
        causes = {one.id: _cause(session, one) for one in states.troubles}
        offers = rollback.all_offers(session)
    return render_template("outbox/_failures.html", states=states, causes=causes, offers=offers, **explain(status))


def application_panel() -> str:
    """Render the newest messages of an application, for its page, whose URL has its id. A new one has none."""
    application_id = (request.view_args or {}).get("application_id")
    if application_id is None:
        return ""
    with app_state().database.read() as session:
        page = listing.find(session, Filter(application_id=application_id), page_size=SHOWN_OF_APPLICATION)
    return render_template("outbox/_application_panel.html", messages=page.messages, application_id=application_id)


def explain_trouble() -> dict[str, Any]:
    """Return what `explain` does if messages wait for something other than their turn, otherwise nothing."""
    with app_state().database.read_columns() as connection:
        status = delivery_status(connection, clock.now())
    return explain(status) if status.limit or not status.has_server else {}


def explain(status: DeliveryStatus) -> dict[str, Any]:
    """Return what `_delivery_status.html` needs, and what is known of the trouble.

    That is `held`, the message that is tried on behalf of all, and its `diagnosis`.
    """
    cause, held, diagnosis, suspect = "", None, None, None
    if status.is_stopped or status.has_suspect:
        with app_state().database.read() as session:
            failure, message = cause_of(session, status), held_message(session)
            if status.in_trouble and message is not None:
                held, diagnosis = message, service.diagnosis(session, message)
            elif status.flow is Flow.UNCONFIRMED:
                suspect = message
        if failure is not None:
            cause = str(diagnosis.cause) if diagnosis else describe_cause(failure)
    return {"status": status, "cause": cause, "held": held, "diagnosis": diagnosis, "suspect": suspect}


def _cause(session: Session, state: ServerState) -> str:
    """Return why a server is in trouble, in the reader's language: what the failure means, or else what it is."""
    server, failure = servers.by_id(session, state.id), state.failure
    if server is None or failure is None:
        return ""
    return meaning(server.provider, server.public_values, failure)
