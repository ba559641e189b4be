"""What other pages show of delivery: a line that says whether email goes out, and why it doesn't."""

from typing import Any

from flask import render_template, request
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.core.app_state import app_state
from webapp.mail import servers
from webapp.mail.diagnosis.service import diagnose
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


def server_troubles_panel() -> str:
    """Render which mail servers fail while another one sends, for the top of every administrator's page."""
    with app_state().database.read_columns() as connection:
        states = server_states(connection)
    if not states.troubles:
        return ""
    with app_state().database.read() as session:
        causes = {one.id: _cause(session, one) for one in states.troubles}
    return render_template("outbox/_server_troubles.html", states=states, causes=causes)


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
    return explain(status) if status.is_stopped or status.limit else {}


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
    diagnosis = diagnose(server.provider, server.public_values, failure)
    return str(diagnosis.cause) if diagnosis else describe_cause(failure)
