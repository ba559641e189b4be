"""Tell administrators and webhooks that a mail server fails while another one sends, and that it works again."""

from typing import Any

from sqlalchemy.orm import Session

from webapp.accounts import notifications
from webapp.core import clock
from webapp.core.app_state import app_state
from webapp.mail import servers
from webapp.monitoring import webhook_events
from webapp.monitoring.webhook_events import IN_TROUBLE, WELL
from webapp.outbox.models import ServerTrouble
from webapp.outbox.server_states import server_states
from webapp.settings.service import general
from webapp.webhooks import events as webhooks
from webapp.webhooks.registry import EventType

# The kinds of the emails about the events.
EMAILS = {IN_TROUBLE.name: "mail_server_in_trouble", WELL.name: "mail_server_well"}


def announce(_sender: object, session: Session, trouble: ServerTrouble, sent_by: str) -> None:
    """Announce that a server is in trouble; receives `server_in_trouble`."""
    _tell(session, trouble, IN_TROUBLE, "The mail server {} is failing. Its email goes through {}.", sent_by)


def announce_end(_sender: object, session: Session, trouble: ServerTrouble) -> None:
    """Announce that a server works again; receives `server_well`."""
    sender = server_states(session).sends_for(trouble.mail_server_id)
    text, by = "The mail server {} works again. Its email goes through {}.", sender.name if sender else ""
    _tell(session, trouble, WELL, text, by, until=clock.now().isoformat())


def _tell(session: Session, trouble: ServerTrouble, event: EventType, text: str, by: str, **more: str) -> None:
    """Call webhooks, and email the administrators."""
    server, failure = servers.by_id(session, trouble.mail_server_id), trouble.failure
    if server is None:
        return
    webhooks.enqueue(
        session,
        event,
        text.format(server.name, by),
        cause=webhook_events.cause(failure),
        since=webhooks.iso(trouble.since),
        mail_server={"name": server.name, "provider": server.provider, "host": server.host},
        sent_by=by,
        url=webhooks.mail_server_url(general(session, app_state().config)),
    )
    data: dict[str, Any] = {"server": server.name, "by": by, "since": trouble.since.isoformat(), **more}
    # What the diagnosis needs, as the server may be another one when the email is written.
    data |= {"provider": server.provider, "settings": server.public_values, **failure.stored}
    notifications.enqueue_for_administrators(session, EMAILS[event.name], data)
