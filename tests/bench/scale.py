"""How much longer the pages take with a million messages and users than with a thousand."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import insert

from tests.bench.site import BATCH, Site
from tests.bench.table import Compared, row
from tests.bench.visitor import Visitor
from webapp.accounts.models import Role
from webapp.core import clock
from webapp.outbox.filters import StateFilter
from webapp.outbox.models import FINISHED, Message, MessageState

FEW, MANY = 1_000, 1_000_000
ROUNDS = 21
# Over so many days the messages are spread, and so many of them wait.
DAYS, WAITING = 10, 60
STATES = (*[MessageState.SENT] * 16, *FINISHED)
PAGES = {
    "Home": "/",
    "outbox": "/outbox",
    **{f"outbox, {state}": f"/outbox?state={state}" for state in StateFilter if state is not StateFilter.ALL},
    "outbox, one kind": "/outbox?kind=reset",
    "outbox, one day": "/outbox?since={day}&until={day}",
    "outbox, an address": "/outbox?address=somebody77@mailroom.example",
    "outbox, a beginning": "/outbox?address=somebody7",
    "outbox, a domain": "/outbox?address=@mailroom.example",
    "outbox, all of these": "/outbox?state=sent&kind=reset&since={day}&address=somebody7",
    "users": "/users",
    "users, members": "/users?role=member",
    "users, pending": "/users?state=pending",
    "users, an address": "/users?search=somebody77@mailroom.example",
    "users, a name": "/users?search=somebody",
    "users, all of these": "/users?search=somebody&role=member&state=pending",
    "users, nobody": "/users?search=xyzzy",
}


def measure() -> None:
    """Print the rows of this group."""
    for name, took in pages().items():
        ours, few = f"{took.ours * 1000:.1f}", f"a thousand {took.other * 1000:.1f}"
        row(f"{name}, with a million, ms", ours, few, took.ratio, "≤ 1.50")


def pages() -> dict[str, Compared]:
    """Measure the seconds for each page of a site with many messages and users, and of one with few, in turns."""
    with _administrator(MANY) as many, _administrator(FEW) as few:
        return {name: _compare(many, few, path) for name, path in PAGES.items()}


@contextmanager
def _administrator(number: int) -> Iterator[Visitor]:
    """Run a site with so many users and messages, and yield an administrator who is signed in there."""
    with tempfile.TemporaryDirectory(prefix="mailroom-bench-") as folder:
        site = Site.prepared(Path(folder), sink_port=1)
        site.grow_to(number)
        _add_messages(site, number)
        with site.web() as port:
            yield site.signed_in(port, Role.ADMINISTRATOR)
        site.database.engine.dispose()


def _compare(many: Visitor, few: Visitor, path: str) -> Compared:
    path = path.format(day=clock.now().date() - timedelta(days=1))
    times: dict[Visitor, list[float]] = {many: [], few: []}
    for visitor, found in [*times.items()] * ROUNDS:
        started = time.perf_counter()
        visitor.get(path)
        found.append(time.perf_counter() - started)
    return Compared(median(times[many]), median(times[few]))


def _add_messages(site: Site, number: int) -> None:
    """Add a message for each user; all but the last were sent, in vain or not, over the last days."""
    end = clock.now()
    with site.database.transaction() as session:
        for start in range(0, number, BATCH):
            rows = [_message(index, number, end) for index in range(start, min(number, start + BATCH))]
            session.execute(insert(Message), rows)


def _message(index: int, number: int, end: datetime) -> dict[str, Any]:
    moment = end - timedelta(days=DAYS) * (1 - index / number)
    waits = number - index <= WAITING
    return {
        "kind": ("activation", "reset", "password_changed")[index % 3],
        "recipient": f"somebody{index}@mailroom.example",
        # The first user has the id 1.
        "user_id": index + 1,
        "state": MessageState.QUEUED if waits else STATES[index % len(STATES)],
        "created_at": moment,
        "next_attempt_at": moment,
        "finished_at": None if waits else moment,
        "attempts": 0 if waits else 1,
    }
