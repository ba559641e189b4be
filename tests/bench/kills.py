"""What SIGKILL at full speed costs: messages sent twice, lost ones, and seconds without mail.

The worker is killed, or the first of two mail servers.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.bench.sink import Sink, running_sink
from tests.bench.site import Site, mail_server
from tests.bench.table import row
from tests.support.postgresql import running_postgresql
from tests.support.redis import running_redis
from tests.support.running import clean
from webapp.core import clock
from webapp.outbox.service import enqueue_all

KILLS = 50
BATCH = 5_000
# The worker is killed after it has sent for so many seconds.
SENDING = (0.1, 0.8)


@dataclass(frozen=True)
class Killed:
    """Messages queued, sent more than once and never sent, and the seconds from each restart to the next message."""

    queued: int
    doubles: int
    lost: int
    restarts: list[float]


def measure(kills: int = KILLS, database: str = "sqlite") -> None:
    """Print the rows of this group; of "redis", that is the queue, and the database is SQLite."""
    result = kill_often(kills, database)
    name = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "redis": "Redis"}[database]
    other = f"{result.lost} lost of {result.queued:,}"
    row(f"doubles in {kills} kills, {name}", f"{result.doubles}", other, result.doubles / kills, "≤ 1, 0 lost")
    row("restart until mail flows, at most, s", f"{max(result.restarts):.1f}", "", None, "< 5")
    if database != "redis":
        killed = kill_first_server(database)
        other = f"{killed.lost} lost of {killed.queued:,}"
        row(f"doubles as the first server is killed, {name}", f"{killed.doubles}", other, None, "≤ 3, 0 lost")
        row("until the second one gets mail, s", f"{killed.restarts[0]:.1f}", "", None, "< 5")


def kill_often(kills: int, database: str) -> Killed:
    """Kill the worker so often at random moments while it sends, then let it finish."""
    with ExitStack() as stack:
        sink = stack.enter_context(running_sink())
        site = _site(stack, sink, database)
        queued, restarts = 0, []
        for _ in range(kills):
            while queued - len(set(sink.accepted)) < BATCH:
                queued = _queue(site, queued)
            restarts.append(_run_and_kill(site, sink))
        with site.worker():
            _wait_until_finished(sink, queued)
        copies = Counter(sink.accepted)
        return Killed(queued, copies.total() - len(copies), queued - len(copies), restarts)


def kill_first_server(database: str, number: int = 2_000) -> Killed:
    """Kill the first of two servers when it has accepted a third of the messages, and let the second take the rest."""
    with ExitStack() as stack:
        first, second = stack.enter_context(running_sink()), stack.enter_context(running_sink())
        site = _site(stack, first, database)
        with site.database.transaction() as session:
            session.add(mail_server(second.port, position=1))
        queued = _queue(site, 0, number)
        with site.worker():
            first.wait(number // 3)
            os.kill(first.process, signal.SIGKILL)
            killed_at = time.monotonic()
            gap = second.wait(1)[0] - killed_at
            _wait_until_finished(second, number - len(set(first.accepted)))
        copies = Counter([*first.accepted, *second.accepted])
        return Killed(queued, copies.total() - len(copies), queued - len(copies), [gap])


def _site(stack: ExitStack, sink: Sink, database: str) -> Site:
    urls: dict[str, str] = {}
    if database == "postgresql":
        urls["database_url"] = stack.enter_context(stack.enter_context(running_postgresql(durable=True)).fresh())
    elif database == "redis":
        urls["queue_url"] = stack.enter_context(running_redis()).url
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mailroom-bench-"))
    site = Site.prepared(Path(folder), sink.port, **urls)
    stack.callback(site.database.engine.dispose)
    return site


def _queue(site: Site, queued: int, number: int = BATCH) -> int:
    """Queue messages to people who have none yet; return how many are queued in all."""
    users = site.pending(queued + number)[queued:]
    with site.database.transaction() as session:
        enqueue_all(session, "activation", users, clock.now().replace(year=2100))
    return queued + len(users)


def _run_and_kill(site: Site, sink: Sink) -> float:
    """Run the worker and kill it while it sends; return the seconds from its start to its first message."""
    before = len(sink.times)
    command = [sys.executable, "-m", "webapp.cli", "worker"]
    started = time.monotonic()
    with subprocess.Popen(command, env=clean(site.environ), stderr=subprocess.DEVNULL) as process:
        first = sink.wait(before + 1)[before]
        time.sleep(random.uniform(*SENDING))
        process.kill()
    return first - started


def _wait_until_finished(sink: Sink, number: int, seconds: float = 60) -> None:
    """Wait until everybody's message was accepted, and nothing more came for a second; or for so many seconds."""
    deadline = time.monotonic() + seconds
    while len(set(sink.accepted)) < number and time.monotonic() < deadline:
        time.sleep(0.2)
    time.sleep(1)
