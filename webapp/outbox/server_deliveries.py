"""The last delivery and the last failure of each mail server, for their list and their pages."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from webapp.core import clock
from webapp.mail.server_page.deliveries import Deliveries
from webapp.mail.transport.rejections import SESSION_STAGES
from webapp.outbox import service
from webapp.outbox.models import Attempt, AttemptResult, ServerTrouble
from webapp.outbox.status import delivery_status, held_message
from webapp.providers import Failure

# How many of a server's last attempts are searched for one that failed.
SEARCHED = 1000


def find(session: Session, ids: Sequence[int]) -> dict[int, Deliveries]:
    """Return them by the servers' ids. What a server said about one message is no failure of the server."""
    failing = _stopped(session)
    failing |= {one.mail_server_id: (one.since, one.failure) for one in session.scalars(select(ServerTrouble))}
    return {server_id: _of_server(session, server_id, failing.get(server_id)) for server_id in ids}


def _stopped(session: Session) -> dict[int, tuple[datetime, Failure]]:
    """Return since when and how the server fails for which all email waits; the only one has no ServerTrouble."""
    status = delivery_status(session, clock.now())
    held = held_message(session) if status.in_trouble else None
    server = service.tried_server(session, held) if held else None
    if server is None or held is None or held.failure is None or status.stopped_since is None:
        return {}
    return {server.id: (status.stopped_since, held.failure)}


def _of_server(session: Session, server_id: int, failing: tuple[datetime, Failure] | None) -> Deliveries:
    newest = select(Attempt).where(Attempt.mail_server_id == server_id).order_by(Attempt.started_at.desc())
    sent_at = session.scalar(
        newest.with_only_columns(Attempt.started_at).where(Attempt.result == AttemptResult.SENT).limit(1)
    )
    searched = aliased(Attempt, newest.limit(SEARCHED).subquery())
    failed = select(searched).where(searched.result != AttemptResult.SENT, searched.stage.not_in(SESSION_STAGES))
    last = session.scalar(failed.order_by(searched.started_at.desc()).limit(1))
    failed_at, failure = (last.started_at, last.failure) if last else (None, None)
    if failing is not None and (failed_at is None or failing[0] > failed_at):
        failed_at, failure = failing
    return Deliveries(sent_at, failed_at, failure, failing[0] if failing else None)
