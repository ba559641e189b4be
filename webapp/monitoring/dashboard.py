"""What the charts on Home show: numbers per period, read from the counts per hour and never from the messages."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy.orm import Session

from webapp.core import counts
from webapp.core.counts import CountOfHour
from webapp.outbox.models import UNDELIVERED, MessageState

# The upper bounds in seconds of the counts of latency.
LATENCY_BOUNDS = ("0.1", "0.5", "1", "5", "15", "60", "300", "3600", "inf")


class Period(StrEnum):
    """A period that ends now, and its parts: a day of hours, a week of quarters of days, a month of days, in UTC."""

    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"

    @property
    def step(self) -> timedelta:
        """The length of a part."""
        return timedelta(hours={Period.DAY: 1, Period.WEEK: 6, Period.MONTH: 24}[self])

    @property
    def parts(self) -> int:
        """The number of parts."""
        return {Period.DAY: 24, Period.WEEK: 28, Period.MONTH: 30}[self]

    def starts(self, now: datetime) -> list[datetime]:
        """Return when each part starts; the last one is not over yet."""
        hours = int(self.step.total_seconds() // 3600)
        last = now.replace(hour=now.hour - now.hour % hours, minute=0, second=0, microsecond=0)
        return [last - self.step * number for number in reversed(range(self.parts))]


class Part(NamedTuple):
    """One part of a period. `waiting` is the mean number of messages, None when no worker ran to count them."""

    start: datetime
    delivered: int
    undelivered: int
    waiting: float | None


class OfKind(NamedTuple):
    """What became of the messages of one kind."""

    kind: str
    delivered: int
    undelivered: int


@dataclass(frozen=True)
class Dashboard:
    """The numbers of one period. `latency` has the number of emails for each of LATENCY_BOUNDS."""

    period: Period
    parts: list[Part]
    kinds: list[OfKind]
    latency: list[int]

    @property
    def delivered(self) -> int:
        """How many were delivered."""
        return sum(part.delivered for part in self.parts)

    @property
    def undelivered(self) -> int:
        """How many were not, or not for certain."""
        return sum(part.undelivered for part in self.parts)

    @property
    def most_waiting(self) -> int:
        """How many waited at the worst time."""
        return round(max((part.waiting or 0 for part in self.parts), default=0))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not (self.delivered or self.undelivered or self.most_waiting)

    def within(self, share: float) -> str | None:
        """Return the bound within which this share of the emails was delivered; None if there were none."""
        wanted, found = share * sum(self.latency), 0
        for bound, number in zip(LATENCY_BOUNDS, self.latency, strict=True):
            found += number
            if found and found >= wanted:
                return bound
        return None


def read(session: Session, period: Period, now: datetime) -> Dashboard:
    """Read the numbers of a period."""
    starts = period.starts(now)
    finished = counts.by_hour(session, "finished", starts[0])
    latency: defaultdict[str, float] = defaultdict(float)
    for count in counts.by_hour(session, "latency", starts[0]):
        latency[count.subject] += count.total
    return Dashboard(
        period,
        list(_parts(period, starts, finished, counts.by_hour(session, "waiting", starts[0]))),
        _by_kind(finished),
        [round(latency[bound]) for bound in LATENCY_BOUNDS],
    )


def delivered_today(session: Session, now: datetime) -> int:
    """Return how many were delivered since midnight in UTC."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    found = counts.by_hour(session, "finished", midnight)
    return round(sum(count.total for count in found if count.detail == MessageState.SENT))


def _parts(
    period: Period, starts: list[datetime], finished: list[CountOfHour], waiting: list[CountOfHour]
) -> Iterator[Part]:
    sums: defaultdict[tuple[int, str], float] = defaultdict(float)
    for count in (*finished, *waiting):
        sums[(count.hour - starts[0]) // period.step, count.detail] += count.total
    for number, start in enumerate(starts):
        samples = sums[number, "samples"]
        yield Part(
            start,
            round(sums[number, MessageState.SENT]),
            round(sum(sums[number, state] for state in UNDELIVERED)),
            sums[number, "sum"] / samples if samples else None,
        )


def _by_kind(finished: list[CountOfHour]) -> list[OfKind]:
    found: dict[str, OfKind] = {}
    for kind, state, total in (count[1:] for count in finished):
        _kind, delivered, undelivered = found.get(kind, OfKind(kind, 0, 0))
        if state == MessageState.SENT:
            found[kind] = OfKind(kind, delivered + round(total), undelivered)
        elif state in UNDELIVERED:
            found[kind] = OfKind(kind, delivered, undelivered + round(total))
    return sorted(found.values(), key=lambda one: (-one.delivered - one.undelivered, one.kind))
