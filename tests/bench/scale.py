"""How much longer the pages take with a million messages and users than with a thousand."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from sqlalchemy import insert, text

from tests.bench.site import BATCH, Site
from tests.bench.table import Compared, row
from tests.bench.visitor import Visitor
from tests.support.postgresql import running_postgresql
from webapp.accounts.models import Role
from webapp.core import clock
from webapp.outbox import statistics
from webapp.outbox.filters import StateFilter
from webapp.outbox.models import FINISHED, Attempt, AttemptResult, Message, MessageState

FEW, MANY = 1_000, 1_000_000
ROUNDS = 21
# Over so many days the messages are spread, and so many of them wait.
DAYS, WAITING = 10, 60
STATES = (*[MessageState.SENT] * 16, *FINISHED)


class Compare(NamedTuple):
    """A page with many messages and users, and one with few that shows as many rows."""

    many: str
    few: str


# Each kind is a third of the messages. Of the finished states but SENT, each has messages of one kind only.
PAGES: dict[str, str | Compare] = {
    "Home": "/",
    "outbox": "/outbox",
    "outbox, its second page": Compare("/outbox?before=999950", "/outbox?before=950"),
    **{f"outbox, {state}": f"/outbox?state={state}" for state in StateFilter if state is not StateFilter.ALL},
    "outbox, one kind": "/outbox?kind=reset",
    "outbox, one day": "/outbox?since={day}&until={day}",
    "outbox, an address": "/outbox?address=somebody77@mailroom.example",
    "outbox, a beginning": "/outbox?address=somebody7",
    "outbox, a domain": "/outbox?address=@mailroom.example",
    "outbox, all of these": "/outbox?state=sent&kind=reset&since={day}&address=somebody7",
    "outbox, two filters with nothing in common": "/outbox?state=failed&kind=activation",
    "outbox, nobody": "/outbox?address=xyzzy",
    "outbox, one message": "/outbox/77",
    "outbox, to retry all that failed on a day": "/outbox/retry-all?state=failed&since={day}&until={day}",
    "outbox, start of a download": "/outbox/messages.csv",
    "users": "/users",
    "users, members": "/users?role=member",
    "users, pending": "/users?state=pending",
    "users, an address": "/users?search=somebody77@mailroom.example",
    "users, a name": "/users?search=somebody",
    "users, a name that one in 200 has": Compare("/users?search=smith", "/users?search=somebody"),
    "users, all of these": "/users?search=somebody&role=member&state=pending",
    "users, nobody": "/users?search=xyzzy",
    "users, one user": "/users/77",
    "users, start of a download": "/users.csv",
}


def measure(database: str = "sqlite") -> None:
    """Print the rows of this group."""
    name = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[database]
    for page, took in pages(database).items():
        ours, few = f"{took.ours * 1000:.1f}", f"a thousand {took.other * 1000:.1f}"
        row(f"{page}, with a million, {name}, ms", ours, few, took.ratio, "≤ 1.50")


def pages(database: str) -> dict[str, Compared]:
    """Measure the seconds for each page of a site with many messages and users, and of one with few, in turns."""
    with administrator(MANY, database) as many, administrator(FEW, database) as few:
        return {name: _compare(many, few, page) for name, page in PAGES.items()}


@contextmanager
def administrator(number: int, database: str) -> Iterator[Visitor]:
    """Run a site with so many users and messages, and yield an administrator who is signed in there."""
    with ExitStack() as stack:
        url = None
        if database == "postgresql":
            url = stack.enter_context(stack.enter_context(running_postgresql(durable=True)).fresh())
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mailroom-bench-"))
        site = Site.prepared(Path(folder), sink_port=1, database_url=url)
        stack.callback(site.database.engine.dispose)
        fill(site, number)
        port = stack.enter_context(site.web())
        yield site.signed_in(port, Role.ADMINISTRATOR)


def fill(site: Site, number: int) -> None:
    """Add so many users, and a message for each with its attempt; nearly all are finished, over the last days."""
    site.grow_to(number)
    end = clock.now()
    for start in range(0, number, BATCH):
        messages = [_message(index, number, end) for index in range(start, min(number, start + BATCH))]
        with site.database.transaction() as session:
            session.execute(insert(Message), messages)
            # Numbered from 1 on, as nothing was there before.
            tried = [(id_, one) for id_, one in enumerate(messages, start + 1) if one["attempts"]]
            session.execute(insert(Attempt), [_attempt(*one) for one in tried])
            for _id, one in tried[:: BATCH // 100]:
                statistics.count_finished(session, one["finished_at"], [(one["kind"], one["state"])] * 100)
    with site.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # As the database does by itself some time later.
        connection.execute(text("ANALYZE"))


def _compare(many: Visitor, few: Visitor, page: str | Compare) -> Compared:
    times: dict[Visitor, list[float]] = {many: [], few: []}
    for visitor, path in list(zip(times, paths(page), strict=True)) * ROUNDS:
        opened: Callable[[str], object] = visitor.begin if path.endswith(".csv") else visitor.get
        started = time.perf_counter()
        opened(path)
        times[visitor].append(time.perf_counter() - started)
    return Compared(median(times[many]), median(times[few]))


def paths(page: str | Compare) -> Compare:
    """Return the paths of a page of both sites."""
    both = Compare(page, page) if isinstance(page, str) else page
    day = clock.now().date() - timedelta(days=1)
    return Compare(*(path.format(day=day) for path in both))


def _message(index: int, number: int, end: datetime) -> dict[str, Any]:
    moment = end - timedelta(days=DAYS) * (1 - index / number)
    waits = number - index <= WAITING
    return {
        "kind": ("activation", "reset", "password_changed")[index % 3],
        "recipient": f"somebody{index}@mailroom.example",
        "user_id": index + 1,
        "state": MessageState.QUEUED if waits else STATES[index % len(STATES)],
        "created_at": moment,
        "next_attempt_at": moment,
        "finished_at": None if waits else moment,
        "attempts": 0 if waits else 1,
    }


def _attempt(message_id: int, message: dict[str, Any]) -> dict[str, Any]:
    sent = message["state"] == MessageState.SENT
    return {
        "message_id": message_id,
        "number": 1,
        "mail_server_id": 1,
        "provider": "custom",
        "host": "127.0.0.1",
        "started_at": message["created_at"],
        "seconds": 0.2,
        "result": AttemptResult.SENT if sent else AttemptResult.FAILED,
        "stage": "" if sent else "rcpt",
        "code": "" if sent else "rejected",
        "reply": "250 2.0.0 Ok: queued as 4FZk5c" if sent else "550 5.1.1 No such user",
    }
