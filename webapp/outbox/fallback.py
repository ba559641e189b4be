"""Which server sends messages, and which are tried after it, as far as the limits of each allow."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.orm import Session

from webapp.outbox import limits
from webapp.outbox.connection import SavedSettings, ServerSettings
from webapp.outbox.limits import Allowance
from webapp.outbox.routing import Route


class Offer(NamedTuple):
    """The server for a batch, followed by those that are tried after it, and how many messages the batch may have."""

    servers: Sequence[ServerSettings]
    size: int
    bulk_size: int


def offers(session: Session, saved: SavedSettings, route: Route, now: datetime, run: str, size: int) -> list[Offer]:
    """Return which servers may send a batch, whose size would be this without limits.

    There is one offer, and a further one for each server whose limit of a day is reached. That of a minute is waited
    for.
    """
    found, servers = [], saved.in_order(route, now)
    for number, settings in enumerate(servers):
        allowed = _allowance(session, settings, now, run)
        sizes = (size if one is None else min(one, size) for one in (allowed.count, allowed.bulk_count))
        found.append(Offer(servers[number:], *sizes))
        if not allowed.ends_the_day:
            break
    return found


def from_next(session: Session, servers: Sequence[ServerSettings], now: datetime, run: str) -> Sequence[ServerSettings]:
    """Return the rest of these servers from the next one that may send a message now; empty if none may."""
    for number, settings in enumerate(servers[1:], 1):
        if _allowance(session, settings, now, run).count != 0:
            return servers[number:]
    return ()


def _allowance(session: Session, settings: ServerSettings, now: datetime, run: str) -> Allowance:
    return limits.allowance(session, settings.server, now, run) if settings.server is not None else Allowance()
