"""Idempotency-Key: a request that is sent again, because its response was lost, is not carried out again.

The key is stored in the transaction of the work, so there is never a key without the work, nor the reverse. Of two
requests with one key at the same time, the second waits and gets the response of the first. A refused request leaves
nothing behind, so the corrected one may use the same key.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import request
from sqlalchemy import delete, or_
from sqlalchemy.orm import Session

from webapp.api import problems
from webapp.api.models import IdempotencyKey
from webapp.api.replies import Reply
from webapp.core import clock
from webapp.core.database import insert_into
from webapp.core.sealing import Sealer
from webapp.web.problems import FieldError

HEADER = "Idempotency-Key"
LIFETIME = timedelta(hours=24)
PURPOSE = "api.response"


@dataclass(frozen=True)
class RequestKey:
    """The key of one request: what names it in the database, and the hash of all that a repeated one must have, too."""

    name: str
    application_id: int
    request_hash: str

    @classmethod
    def of_request(cls, application_id: int, key: str) -> "RequestKey":
        """Return the key of the current request."""
        # With the key in it, the hash doesn't tell whether two requests have the same body.
        content = _hash(key, request.method, request.full_path, request.get_data())
        return cls(_hash(str(application_id), key), application_id, content)


def once(session: Session, sealer: Sealer, key: RequestKey, work: Callable[[], Reply]) -> Reply:
    """Do the work unless a request with this key did; return its reply. Raises Problem."""
    if not claim(session, key):
        return replay(session, sealer, key)
    reply = work()
    keep(session, sealer, key, reply)
    return reply


def claim(session: Session, key: RequestKey) -> bool:
    """Store a key and return True, unless a request with it was carried out less than LIFETIME ago."""
    now = clock.now()
    values = {
        "application_id": key.application_id,
        "request_hash": key.request_hash,
        "created_at": now,
        "sealed_response": "",
    }
    statement = insert_into(session, IdempotencyKey).values(id=key.name, **values)
    # One from the future was stored before the clock was set back.
    outdated = or_(IdempotencyKey.created_at <= now - LIFETIME, IdempotencyKey.created_at > now + LIFETIME)
    stored = statement.on_conflict_do_update(index_elements=[IdempotencyKey.id], set_=values, where=outdated)
    return session.scalar(stored.returning(IdempotencyKey.id)) is not None


def keep(session: Session, sealer: Sealer, key: RequestKey, reply: Reply) -> None:
    """Keep the reply to the request that has claimed a key."""
    session.get_one(IdempotencyKey, key.name).sealed_response = sealer.seal(reply.to_text(), PURPOSE)


def forget(session: Session, key: RequestKey) -> None:
    """Give back a key, because the request was refused in a transaction that is committed all the same."""
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.id == key.name))


def replay(session: Session, sealer: Sealer, key: RequestKey) -> Reply:
    """Return the reply to the earlier request, with the header Idempotency-Replayed. Raises Problem."""
    earlier = session.get_one(IdempotencyKey, key.name)
    if earlier.request_hash != key.request_hash:
        detail = "It was sent with a different method, URL or body."
        raise problems.KEY_REUSED.problem(errors=[FieldError(detail, header=HEADER)])
    reply = Reply.from_text(sealer.open(earlier.sealed_response, PURPOSE))
    return Reply(reply.body, reply.status, {**reply.headers, "Idempotency-Replayed": "true"})


def delete_old(session: Session, now: datetime) -> None:
    """Forget the keys that are too old to count."""
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at <= now - LIFETIME))


def _hash(*parts: str | bytes) -> str:
    found = hashlib.sha256()
    for part in parts:
        encoded = part.encode() if isinstance(part, str) else part
        found.update(b"%d:" % len(encoded))
        found.update(encoded)
    return found.hexdigest()
