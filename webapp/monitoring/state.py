"""What monitoring programs are told of delivery, and who is told details."""

import hmac
from datetime import datetime
from typing import Any

from flask import request
from sqlalchemy.orm import Session

from webapp.core import workers
from webapp.core.app_state import app_state
from webapp.outbox.status import cause_of, delivery_status
from webapp.webhooks.service import iso


def mail_state(session: Session, now: datetime) -> dict[str, Any]:
    """Return the state of delivery as JSON: the state alone is no secret, the rest is for those who may see details."""
    status = delivery_status(session, now)
    cause = cause_of(session, status)
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
