"""By which server a batch goes, and which are tried after it, as far as the limits of each allow."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.orm import Session

from webapp.outbox import limits
from webapp.outbox.connection import CurrentSettings, SavedSettings
from webapp.outbox.lanes import Lane
from webapp.outbox.limits import Allowance


class Course(NamedTuple):
    """The server to send by, and those that are tried after it."""

    settings: CurrentSettings
    others: Sequence[CurrentSettings]


class Offer(NamedTuple):
    """How many messages a batch that takes this course may have, and how many bulk ones."""

    course: Course
    size: int
    bulk_size: int


def offers(session: Session, saved: SavedSettings, lane: Lane, now: datetime, run: str, size: int) -> list[Offer]:
    """Return the courses of a batch, whose size would be this without limits.

    There is one, and a further one for each server whose limit of a day is reached. That of a minute is waited for.
    """
    found, servers = [], saved.in_order(lane, now)
    for number, settings in enumerate(servers, 1):
        allowed = _allowance(session, settings, now, run)
        sizes = (size if one is None else min(one, size) for one in (allowed.count, allowed.bulk_count))
        found.append(Offer(Course(settings, servers[number:]), *sizes))
        if not allowed.ends_the_day:
            break
    return found


def next_course(session: Session, others: Sequence[CurrentSettings], now: datetime, run: str) -> Course | None:
    """Return the course of one message from the first of these servers that may send it now."""
    for number, settings in enumerate(others, 1):
        if _allowance(session, settings, now, run).count != 0:
            return Course(settings, others[number:])
    return None


def _allowance(session: Session, settings: CurrentSettings, now: datetime, run: str) -> Allowance:
    return limits.allowance(session, settings.server, now, run) if settings.server is not None else Allowance()
