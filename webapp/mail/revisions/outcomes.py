"""Whether email goes out with the revision in use; which one can be restored if it doesn't."""

from collections.abc import Sequence
from datetime import timedelta

import structlog
from sqlalchemy import Row, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.core.database import Database
from webapp.core.queue import run_after_commit
from webapp.mail.models import MailServer
from webapp.mail.revisions import service
from webapp.mail.revisions.models import Revision
from webapp.providers import Failure

# The job that restores the settings that worked.
ROLL_BACK = "go back to settings that worked"
# The failures in a row after which Mailroom goes back by itself. Those of several workers within this time are one.
ENOUGH_FAILURES = 2
ONE_MOMENT = timedelta(seconds=10)

_FAILING = (
    select(MailServer, Revision)
    .join(Revision, (Revision.mail_server_id == MailServer.id) & (Revision.number == MailServer.revision))
    .where(Revision.rollback_to.is_not(None), MailServer.position.is_not(None))
    .order_by(MailServer.position)
)

log = structlog.get_logger(__name__)


def worked(database: Database, server: MailServer) -> None:
    """Record that an email went out with these settings; call it once for each connection. Raises nothing.

    In a transaction of its own, and only if that is news.
    """
    try:
        with database.read() as session:
            found = service.find(session, server.id, server.revision)
        if found is not None and (found.worked_at is None or found.failures):
            with database.transaction() as session:
                mark_as_working(session, server.id, server.revision)
    except SQLAlchemyError as error:
        log.warning("revision not marked as working", error=type(error).__name__)


def passed_test(_sender: object, session: Session, server: MailServer) -> None:
    """Record that a test email went out with the settings in use; receives `mail_server_works`."""
    mark_as_working(session, server.id, server.revision)


def mark_as_working(session: Session, server_id: int, number: int) -> None:
    """Record that email goes out with a revision."""
    revision = service.find(session, server_id, number, lock=True)
    if revision is not None:
        revision.worked_at = revision.worked_at or clock.now()
        revision.failures, revision.rollback_to = 0, None


def failed(database: Database, server: MailServer, failure: Failure) -> None:
    """Record that no connection could be opened with these settings, or not signed in to. Raises nothing.

    In a transaction of its own, not in one that locks messages: a save locks those after the revisions.
    """
    try:
        with database.transaction() as session:
            _mark_as_failing(session, server.id, server.revision, failure)
    except SQLAlchemyError as error:
        log.warning("failure of revision not recorded", error=type(error).__name__)


def failing(session: Session) -> Sequence[Row[MailServer, Revision]]:
    """Return the servers in use that fail after a change, and their revisions in use, which can be rolled back."""
    return session.execute(_FAILING).all()


def _mark_as_failing(session: Session, server_id: int, number: int, failure: Failure) -> None:
    now = clock.now()
    revision = service.find(session, server_id, number, lock=True)
    if revision is None or (revision.failures and revision.failed_at and now - revision.failed_at < ONE_MOMENT):
        return
    revision.failures += 1
    revision.failed_at = now
    revision.failure_stage, revision.failure_code = failure.stage, failure.code
    revision.failure_params, revision.failure_reply = dict(failure.params), failure.reply
    revision.rollback_to = _rollback_to(session, revision)
    if revision.rollback_to is not None and revision.failures >= ENOUGH_FAILURES:
        run_after_commit(session, ROLL_BACK)


def _rollback_to(session: Session, revision: Revision) -> int | None:
    """Return the revision to go back to: the last before that worked, unless email failed with it in the end, too.

    There is none without encryption where there is encryption now: blocking it in the network would then be enough to
    read email and passwords.
    """
    if revision.worked_at is not None:
        return None
    before = (
        select(Revision)
        .where(
            Revision.mail_server_id == revision.mail_server_id,
            Revision.number < revision.number,
            Revision.worked_at.is_not(None),
        )
        .order_by(Revision.number.desc())
        .limit(1)
    )
    found = session.scalar(before)
    if found is None or found.failures or found.number == revision.restored_from:
        return None
    if found.values["security"] == "none" != revision.values["security"]:
        return None
    return found.number
