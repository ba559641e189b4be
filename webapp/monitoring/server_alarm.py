"""Tell administrators and webhooks that a mail server fails while another one sends, and that it works again."""

from typing import Any

from sqlalchemy.orm import Session

from webapp.accounts import notifications
from webapp.core import clock, i18n
from webapp.core.app_state import app_state
from webapp.mail import servers
from webapp.monitoring.webhook_events import IN_TROUBLE, WELL
from webapp.outbox.labels import describe_cause
from webapp.outbox.models import ServerTrouble
from webapp.outbox.server_states import server_states
from webapp.settings.service import general
from webapp.webhooks import events as webhooks
from webapp.webhooks.registry import EventType


def announce(_sender: object, session: Session, trouble: ServerTrouble, sent_by: str) -> None:
    """Announce that a server is in trouble; receives `server_in_trouble`."""
    _call_webhooks(session, trouble, IN_TROUBLE, "The mail server {} is failing. Email goes through {}.", sent_by)
    _email(session, trouble, "mail_server_in_trouble", by=sent_by)


def announce_end(_sender: object, session: Session, trouble: ServerTrouble) -> None:
    """Announce that a server works again; receives `server_well`."""
    sender = server_states(session).sender
    by = sender.name if sender else ""
    _call_webhooks(session, trouble, WELL, "The mail server {} works again. Email goes through {}.", by)
    _email(session, trouble, "mail_server_well", by=by, until=clock.now().isoformat())


def _call_webhooks(session: Session, trouble: ServerTrouble, event: EventType, text: str, by: str) -> None:
    server, failure = servers.by_id(session, trouble.mail_server_id), trouble.failure
    if server is None:
        return
    with i18n.use_language(i18n.DEFAULT):
        reason = describe_cause(failure)
    webhooks.enqueue(
        session,
        event,
        text.format(server.name, by),
        cause={"stage": failure.stage, "code": failure.code, "reason": reason},
        since=webhooks.iso(trouble.since),
        mail_server={"name": server.name, "provider": server.provider, "host": server.host},
        sent_by=by,
        url=webhooks.mail_server_url(general(session, app_state().config)),
    )


def _email(session: Session, trouble: ServerTrouble, kind: str, **more: Any) -> None:
    server, failure = servers.by_id(session, trouble.mail_server_id), trouble.failure
    if server is None:
        return
    data: dict[str, Any] = {
        "server": server.name,
        "since": trouble.since.isoformat(),
        "stage": failure.stage,
        "code": failure.code,
    }
    data |= {"params": dict(failure.params), "reply": failure.reply}
    # What the diagnosis needs, as the server may be another one when the email is written.
    data |= {"provider": server.provider, "settings": server.public_values}
    notifications.enqueue_for_administrators(session, kind, data | more)
