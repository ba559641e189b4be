"""Which workers are running: each says so in the database every few seconds."""

from datetime import datetime, timedelta

from sqlalchemy import String, delete, func, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from webapp.core.database import Base, insert_into

# How often a worker says that it runs, and after how much silence it counts as gone.
BEAT = timedelta(seconds=10)
SILENCE = timedelta(seconds=45)


class Worker(Base):
    """A worker process, by the token that it has while it runs. `seen_at` is when it said last that it runs."""

    __tablename__ = "workers"

    token: Mapped[str] = mapped_column(String(40), primary_key=True)
    seen_at: Mapped[datetime]


LAST_SEEN = select(func.max(Worker.seen_at))


def beat(session: Session, token: str, now: datetime) -> None:
    """Record that this worker runs, and forget those that are gone.

    The row of the last worker stays when none is left, so that it is known since when.
    """
    row = {"token": token, "seen_at": now}
    statement = insert_into(session, Worker).values(row)
    session.execute(statement.on_conflict_do_update(index_elements=[Worker.token], set_={"seen_at": now}))
    # A time far ahead was written by a clock that has been set back since.
    gone = or_(Worker.seen_at <= now - SILENCE, Worker.seen_at >= now + SILENCE)
    # Two workers that were cut off from the database for a while would otherwise wait for each other.
    tokens = select(Worker.token).where(gone).with_for_update(skip_locked=True)
    session.execute(delete(Worker).where(Worker.token.in_(tokens)))


def forget(session: Session, token: str) -> None:
    """Forget a worker that is known to be gone, as another one that runs has found out."""
    session.execute(delete(Worker).where(Worker.token == token))


def count(session: Session, now: datetime) -> int:
    """Return how many workers run."""
    return sum(is_alive(seen_at, now) for seen_at in session.scalars(select(Worker.seen_at)))


def is_alive(seen_at: datetime, now: datetime) -> bool:
    """Return whether a worker that was seen last at this time runs."""
    return abs(now - seen_at) < SILENCE
