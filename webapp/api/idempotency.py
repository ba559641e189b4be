"""Idempotency-Key: a request that is sent again, because its response was lost, is not carried out again.

The key is stored in the transaction of the work, so there is never a key without the work, nor the reverse. Of two
requests with one key at the same time, the second waits and gets the response of the first. A refused request leaves
nothing behind, so the corrected one may use the same key.
"""

import hashlib
from collections.abc import Callable
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


def once(session: Session, sealer: Sealer, application_id: int, key: str, work: Callable[[], Reply]) -> Reply:
    """Do the work unless a request with this key of this application did; return its reply. Raises Problem.

    The reply to a request that is repeated has the header Idempotency-Replayed.
    """
    name, body = _hash(str(application_id), key), request.get_data()
    # With the key in it, the hash doesn't tell whether two requests have the same body.
    request_hash = _hash(key, request.method, request.full_path, body)
    if _claim(session, name, application_id, request_hash):
        reply = work()
        session.get_one(IdempotencyKey, name).sealed_response = sealer.seal(reply.to_text(), PURPOSE)
        return reply
    earlier = session.get_one(IdempotencyKey, name)
    if earlier.request_hash != request_hash:
        detail = "It was sent with a different method, URL or body."
        raise problems.KEY_REUSED.problem(errors=[FieldError(detail, header=HEADER)])
    reply = Reply.from_text(sealer.open(earlier.sealed_response, PURPOSE))
    return Reply(reply.body, reply.status, {**reply.headers, "Idempotency-Replayed": "true"})


def delete_old(session: Session, now: datetime) -> None:
    """Forget the keys that are too old to count."""
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at <= now - LIFETIME))


def _claim(session: Session, name: str, application_id: int, request_hash: str) -> bool:
    """Store a key and return True, unless a request with it was carried out less than LIFETIME ago."""
    now = clock.now()
    values = {"application_id": application_id, "request_hash": request_hash, "created_at": now, "sealed_response": ""}
    statement = insert_into(session, IdempotencyKey).values(id=name, **values)
    # One from the future was stored before the clock was set back.
    outdated = or_(IdempotencyKey.created_at <= now - LIFETIME, IdempotencyKey.created_at > now + LIFETIME)
    claim = statement.on_conflict_do_update(index_elements=[IdempotencyKey.id], set_=values, where=outdated)
    return session.scalar(claim.returning(IdempotencyKey.id)) is not None


def _hash(*parts: str | bytes) -> str:
    found = hashlib.sha256()
    for part in parts:
        encoded = part.encode() if isinstance(part, str) else part
        found.update(b"%d:" % len(encoded))
        found.update(encoded)
    return found.hexdigest()
