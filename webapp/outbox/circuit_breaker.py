"""Which mail servers are in trouble, so that others send in their place, and when they are tried again.

A server gets a row when it fails and another one may send. While it is paused, nothing is sent by it. A job connects to
those that failed to connect or to sign in; one that refused a message is tried with a message once its pause is over.
"""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from webapp.core import rate_limits
from webapp.core.database import insert_into
from webapp.core.queue import run_after_commit
from webapp.core.rate_limits import Limit
from webapp.mail.models import MailServer
from webapp.mail.transport.rejections import SESSION_STAGES
from webapp.outbox import signals, suspension
from webapp.outbox.models import ServerTrouble
from webapp.outbox.queue import wake_after_commit
from webapp.outbox.server_states import server_states
from webapp.providers import Failure

# The name of the job.
PROBE = "probe mail servers in trouble"
# Pauses after the first, second … failure in a row.
PAUSES = (timedelta(seconds=15), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15))
# Many servers break off once in a while, which nobody needs to know.
ANNOUNCED_AFTER = 2
# For each server. One that fails at some messages and takes others goes up and down; nobody needs an email each time.
ANNOUNCEMENTS = Limit("mail server in trouble", 3, timedelta(hours=1))
# The worker that begins a probe has so long before another one tries.
PROBE_TIME = timedelta(minutes=2)
# Trouble that only another message can show to be over.
_AT_A_MESSAGE = ServerTrouble.stage.in_(SESSION_STAGES)
# A server that has become a draft sends nothing, whether it works or not.
_USED = select(MailServer.id).where(MailServer.position.is_not(None))
_TO_PROBE = and_(~_AT_A_MESSAGE, ServerTrouble.mail_server_id.in_(_USED))

log = structlog.get_logger(__name__)


def is_paused(trouble: ServerTrouble | None, now: datetime) -> bool:
    """Return whether nothing is sent by a server that has this trouble, if any."""
    return trouble is not None and (trouble.stage not in SESSION_STAGES or now < trouble.retry_at)


def unpaused(now: datetime) -> ColumnElement[bool]:
    """The condition for mail servers by which something is sent."""
    paused = or_(~_AT_A_MESSAGE, ServerTrouble.retry_at > now)
    return ~exists().where(ServerTrouble.mail_server_id == MailServer.id, paused)


def failed(session: Session, server_id: int, failure: Failure, now: datetime) -> None:
    """Record that a server failed, and announce the second time in a row, or the first after that that another sends.

    Those that failed at the same moment over other connections count once. Call it before messages are locked: the row
    refers to the server, and saving one locks that first.
    """
    trouble = _locked(session, server_id)
    if trouble is None:
        _begin(session, server_id, failure, now)
    elif now >= trouble.retry_at:
        fail_again(session, trouble, failure, now)


def fail_again(session: Session, trouble: ServerTrouble, failure: Failure, now: datetime) -> None:
    """Record that a server, whose row is locked, failed another time; announce it if that is news."""
    trouble.failures += 1
    trouble.retry_at = now + PAUSES[min(trouble.failures, len(PAUSES)) - 1]
    trouble.failure = failure
    sender = server_states(session).sends_for(trouble.mail_server_id)
    # Where no other one is well, nothing goes out at all, which the alarm says.
    if trouble.failures < ANNOUNCED_AFTER or trouble.announced_at is not None or sender is None:
        return
    if rate_limits.try_consume(session, ANNOUNCEMENTS, str(trouble.mail_server_id)):
        trouble.announced_at = now
        signals.server_in_trouble.send(session=session, trouble=trouble, sent_by=sender.name)


def well(session: Session, server_id: int, now: datetime) -> None:
    """Record that a server works, announce it if its trouble was announced, and send what waits, in any route."""
    ended = delete(ServerTrouble).where(ServerTrouble.mail_server_id == server_id).returning(ServerTrouble)
    trouble = session.scalar(ended)
    if trouble is not None:
        log.info("mail server works again", server=server_id, since=trouble.since.isoformat(), stage=trouble.stage)
    if trouble is not None and trouble.announced_at is not None:
        signals.server_well.send(session=session, trouble=trouble)
    suspension.resume(session, now)
    wake_after_commit(session)


def try_now(session: Session, now: datetime) -> None:
    """End all pauses: settings changed or somebody asks for it, and what a person asks for is tried now."""
    session.execute(update(ServerTrouble).values(retry_at=now))
    run_after_commit(session, PROBE)


def next_probe(session: Session) -> datetime | None:
    """Return when the next server is to be probed."""
    return session.scalar(select(func.min(ServerTrouble.retry_at)).where(_TO_PROBE))


def take_probe(session: Session, now: datetime) -> int | None:
    """Return the id of a server to probe now, if there is one; no other worker gets it for PROBE_TIME."""
    due = select(ServerTrouble).where(ServerTrouble.retry_at <= now, _TO_PROBE).order_by(ServerTrouble.retry_at)
    trouble = session.scalar(due.limit(1).with_for_update(skip_locked=True))
    if trouble is None:
        return None
    trouble.retry_at = now + PROBE_TIME
    return trouble.mail_server_id


def probe_failed(session: Session, server_id: int, failure: Failure, now: datetime) -> None:
    """Record what became of a probe that failed, unless the trouble has ended meanwhile."""
    trouble = _locked(session, server_id)
    if trouble is not None:
        fail_again(session, trouble, failure, now)


def _begin(session: Session, server_id: int, failure: Failure, now: datetime) -> None:
    if session.scalar(select(MailServer.id).where(MailServer.id == server_id)) is None:
        # It was deleted while it was used.
        return
    values = {"mail_server_id": server_id, "since": now, "failures": 1, "retry_at": now + PAUSES[0]}
    begun = insert_into(session, ServerTrouble).values(values | failure.stored)
    session.execute(begun.on_conflict_do_nothing())
    log.warning("mail server in trouble", server=server_id, stage=failure.stage, code=failure.code)


def _locked(session: Session, server_id: int) -> ServerTrouble | None:
    return session.get(ServerTrouble, server_id, with_for_update=True, populate_existing=True)
