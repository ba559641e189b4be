"""The state of delivery as JSON, for monitoring programs, and who may see its details."""

import hmac
from datetime import datetime
from typing import Any

from flask import request
from sqlalchemy.orm import Session

from webapp.core import workers
from webapp.core.app_state import app_state
from webapp.mail.diagnosis.service import to_data
from webapp.outbox import service as outbox
from webapp.outbox.labels import describe_cause
from webapp.outbox.models import UNDELIVERED
from webapp.outbox.server_states import ServerState, server_states
from webapp.outbox.status import (
    STANDING_STILL,
    DeliveryStatus,
    cause_of,
    delivery_status,
    held_message,
    recently_undelivered,
)
from webapp.providers import Failure
from webapp.settings.service import general
from webapp.webhooks.events import iso


def mail_state(session: Session, now: datetime) -> dict[str, Any]:
    """Return the state of delivery as JSON: the state alone is no secret, the rest is for those who may see details."""
    status = delivery_status(session, now)
    return _state_of(session, status, cause_of(session, status), now)


def full_state(session: Session, now: datetime) -> dict[str, Any]:
    """Return that with all that Home tells administrators: whether email goes out, why not, what was not delivered.

    `reason` is what the failure means, `cause` has the server's words. `undelivered` has the numbers of the last seven
    days by state, `recipients` the only domains that get email, `limit` what email waits for until then. `servers` are
    the mail servers in order: what each is for at present and, if it is in trouble, since when and why.
    """
    status = delivery_status(session, now)
    cause, held = cause_of(session, status), held_message(session) if status.in_trouble else None
    diagnosis = outbox.diagnosis(session, held) if held else None
    last, limit, undelivered = status.last_sent, status.limit, recently_undelivered(session, now)
    if not status.has_server:
        cause = Failure(STANDING_STILL, "no_mail_server")
    state, text = _state_of(session, status, cause, now), describe_cause(cause) if cause else None
    return {
        "flowing": not status.is_stopped,
        **state,
        "cause": {**state["cause"], "text": text} if cause else None,
        "reason": str(diagnosis.cause) if diagnosis else text,
        "diagnosis": to_data(diagnosis) if diagnosis else None,
        "recipients": general(session, app_state().config).only_domains,
        "limit": {"name": limit.name, "value": limit.value, "until": iso(limit.until)} if limit else None,
        "last_sent": {"at": iso(last.finished_at), "provider": last.provider, "server": last.server} if last else None,
        "servers": [_server(one) for one in server_states(session).servers],
        "undelivered": {state.value: undelivered.get(state, (0, 0))[1] for state in UNDELIVERED},
    }


def _server(state: ServerState) -> dict[str, Any]:
    since, failure, cause = state.in_trouble_since, state.failure, None
    if failure is not None:
        cause = {"stage": failure.stage, "code": failure.code, "text": describe_cause(failure)}
    return {"name": state.name, "duty": state.duty, "since": iso(since) if since else None, "cause": cause}


def _state_of(session: Session, status: DeliveryStatus, cause: Failure | None, now: datetime) -> dict[str, Any]:
    oldest = (now - status.waiting_since).total_seconds() if status.waiting_since else 0
    return {
        "state": status.flow,
        "since": iso(status.stopped_since) if status.stopped_since else None,
        "cause": {"stage": cause.stage, "code": cause.code} if cause else None,
        "waiting": status.waiting,
        "oldest_seconds": max(0, round(oldest)),
        "workers": workers.count(session, now),
    }


def may_see_details() -> bool:
    """Whether the request has the metrics token (RFC 6750, 2.1)."""
    token = app_state().config.metrics_token
    given = request.headers.get("Authorization", "")
    return bool(token) and hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
