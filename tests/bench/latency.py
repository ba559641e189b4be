"""How long it takes from the commit that queues a message to its DATA command, while nothing else is to be done."""

import random
import tempfile
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from tests.bench.sink import Sink, running_sink
from tests.bench.site import Site
from tests.bench.table import percentile, row
from tests.support.postgresql import running_postgresql
from tests.support.redis import running_redis
from webapp.core import clock
from webapp.outbox.service import enqueue

NUMBER = 60
TARGETS = {"SQLite": "p50 < 50, p99 < 150", "PostgreSQL": "p50 < 20, p99 < 150", "Redis": "p50 < 20, p99 < 150"}


def measure(idle: float = 0) -> None:
    """Print the rows of this group; with `idle`, of one message each, that comes after so many seconds."""
    for queue, target in TARGETS.items():
        if idle:
            (wait,) = commit_to_data(queue, 1, idle)
            row(f"commit to DATA, idle for {idle:.0f} s, {queue}, ms", f"{wait * 1000:.0f}", "", None, "< 150")
            continue
        waits = commit_to_data(queue)
        ours, worst = f"{percentile(waits, 50) * 1000:.0f}", f"p99 {percentile(waits, 99) * 1000:.0f}"
        row(f"commit to DATA, idle, {queue}, ms", ours, worst, None, target)


def commit_to_data(queue: str, number: int = NUMBER, idle: float = 0) -> list[float]:
    """Measure the seconds, several times after `idle` seconds, with this queue; that of Redis has a SQLite database."""
    with ExitStack() as stack:
        urls: dict[str, str] = {}
        if queue == "PostgreSQL":
            server = stack.enter_context(running_postgresql(durable=True))
            urls["database_url"] = stack.enter_context(server.fresh())
        elif queue == "Redis":
            urls["queue_url"] = stack.enter_context(running_redis()).url
        sink = stack.enter_context(running_sink())
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mailroom-bench-"))
        site = Site.prepared(Path(folder), sink.port, **urls)
        stack.callback(site.database.engine.dispose)
        stack.enter_context(site.worker())
        # The first ones start the worker and make the layout.
        for _ in range(3):
            _commit_to_data(site, sink)
        time.sleep(idle)
        return [_commit_to_data(site, sink) for _ in range(number)]


def _commit_to_data(site: Site, sink: Sink) -> float:
    before = len(sink.times)
    with site.database.transaction() as session:
        enqueue(session, "test", "somebody@mailroom.example", expires_at=clock.now() + timedelta(hours=1))
    committed = time.monotonic()
    begun = sink.wait(before + 1)[before]
    time.sleep(random.uniform(0.1, 0.6))
    return begun - committed
