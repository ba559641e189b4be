"""The last delivery and the last trouble of each mail server, for their list."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from webapp.mail.server_page.deliveries import Deliveries
from webapp.mail.transport.rejections import SESSION_STAGES
from webapp.outbox.models import Attempt, AttemptResult, ServerTrouble

# How many of a server's last attempts are searched for one that failed.
SEARCHED = 1000


def find(session: Session, ids: Sequence[int]) -> dict[int, Deliveries]:
    """Return them by the servers' ids. What a server said about one message is no trouble of the server."""
    troubles = {one.mail_server_id: one for one in session.scalars(select(ServerTrouble))}
    return {server_id: _of_server(session, server_id, troubles.get(server_id)) for server_id in ids}


def _of_server(session: Session, server_id: int, trouble: ServerTrouble | None) -> Deliveries:
    newest = select(Attempt).where(Attempt.mail_server_id == server_id).order_by(Attempt.started_at.desc())
    sent_at = session.scalar(
        newest.with_only_columns(Attempt.started_at).where(Attempt.result == AttemptResult.SENT).limit(1)
    )
    searched = aliased(Attempt, newest.limit(SEARCHED).subquery())
    failed = select(searched).where(searched.result != AttemptResult.SENT, searched.stage.not_in(SESSION_STAGES))
    last = session.scalar(failed.order_by(searched.started_at.desc()).limit(1))
    failed_at, failure = (last.started_at, last.failure) if last else (None, None)
    if trouble is not None and (failed_at is None or trouble.since > failed_at):
        failed_at, failure = trouble.since, trouble.failure
    return Deliveries(sent_at, failed_at, failure, trouble.since if trouble else None)
