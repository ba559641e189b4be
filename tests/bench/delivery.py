"""How fast queued messages are delivered, compared with smtplib pushing one prebuilt message, and what that costs."""

import cProfile
import pstats
import smtplib
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from statistics import median

from sqlalchemy import func, select

from tests.bench import sink
from tests.bench.site import SENDER, Site
from tests.bench.table import Compared, row, say
from tests.support.postgresql import running_postgresql
from webapp import create_app
from webapp.core import clock
from webapp.core.app_state import app_state_of
from webapp.mail.compose import compose
from webapp.outbox.delivery import deliver_due
from webapp.outbox.models import Attempt, Message, MessageState
from webapp.outbox.service import enqueue, enqueue_all
from webapp.settings.service import General

NUMBER = 2000
# What the parts of a delivery are called in the table, and the function whose time is theirs.
PARTS = {
    "composing": ("composer.py", "compose"),
    "SMTP": ("pool.py", "deliver"),
    "marking": ("records.py", "sent"),
    "recording": ("records.py", "settle"),
    "claiming": ("claims.py", "claim"),
    "users, links, audit": ("preparation.py", "prepare"),
}


def measure() -> None:
    """Print the rows of this group."""
    if sink.program() is None:
        say(sink.MISSING)
    with site_on("sqlite") as (site, port):
        one = one_worker(site, port)
        row("activation emails/s, SQLite", f"{one.ours:,.0f}", f"smtplib {one.other:,.0f}", one.ratio, "≥ 0.70")
        together = queueing_together(site, one.other)
        other = f"smtplib {together.other:,.0f}"
        row("the same, queued meanwhile", f"{together.ours:,.0f}", other, together.ratio, "≥ 0.45")
        cpu, shares = cpu_time(site)
        row("CPU time per message, µs", f"{cpu * 1e6:,.0f}", shares, None, "")
    with site_on("postgresql") as (site, port):
        one = one_worker(site, port)
        row("activation emails/s, PostgreSQL", f"{one.ours:,.0f}", f"smtplib {one.other:,.0f}", one.ratio, "≥ 0.50")
    with site_on("postgresql", pinned=False) as (site, _port):
        two = two_workers(site)
        row("with two workers, all CPUs", f"{two.ours:,.0f}", f"one {two.other:,.0f}", two.ratio, "≥ 1.50")


@contextmanager
def site_on(database: str, pinned: bool = True) -> Iterator[tuple[Site, int]]:
    """Prepare a site on a new database of this kind, which waits for its disk, with a fast sink on this port."""
    with ExitStack() as stack:
        port = stack.enter_context(sink.running_fast_sink(pinned))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mailroom-bench-")))
        url = None
        if database == "postgresql":
            url = stack.enter_context(stack.enter_context(running_postgresql(durable=True)).fresh())
        site = Site.prepared(folder, port, database_url=url)
        stack.callback(site.database.engine.dispose)
        yield site, port


def one_worker(site: Site, port: int) -> Compared:
    """Measure messages per second of one worker, and of smtplib before and after."""
    before = smtplib_rate(site, port)
    ours = delivery_rate(site, workers=1)
    return Compared(ours, median([before, smtplib_rate(site, port)]))


def two_workers(site: Site) -> Compared:
    """Measure messages per second of two workers and of one, in turns."""
    rates: dict[int, list[float]] = {1: [], 2: []}
    for workers in (1, 2, 1, 2):
        rates[workers].append(delivery_rate(site, workers, 2 * NUMBER))
    return Compared(median(rates[2]), median(rates[1]))


def queueing_together(site: Site, smtplib: float) -> Compared:
    """Measure messages per second while this process queues them, each in a transaction of its own."""
    users = site.pending(NUMBER)
    with site.worker():
        _warm_up(site)
        started = time.monotonic()
        for user in users:
            with site.database.transaction() as session:
                enqueue(session, "activation", user.email, user_id=user.id, expires_at=_far())
        _wait_until_sent(site)
        return Compared(NUMBER / (time.monotonic() - started), smtplib)


def delivery_rate(site: Site, workers: int, number: int = NUMBER) -> float:
    """Queue messages, start workers and return the messages per second from the first attempt to the last record."""
    _queue(site, number)
    with ExitStack() as stack:
        for _ in range(workers):
            stack.enter_context(site.worker())
        ended = _wait_until_sent(site)
    with site.database.read() as session:
        newest = select(Attempt.started_at).order_by(Attempt.id.desc()).limit(number).subquery()
        started: datetime = session.scalars(select(func.min(newest.c.started_at))).one()
    return number / (ended - started).total_seconds()


def smtplib_rate(site: Site, port: int) -> float:
    """Return the messages per second of smtplib."""
    content, started = _sample(site), time.perf_counter()
    with smtplib.SMTP("127.0.0.1", port) as client:
        for index in range(NUMBER):
            client.sendmail(SENDER, [f"somebody{index}@mailroom.example"], content)
    return NUMBER / (time.perf_counter() - started)


def cpu_time(site: Site) -> tuple[float, str]:
    """Return the seconds of CPU time for each message, and its shares, in words, as a profiler sees them."""
    app = create_app(site.config)
    _queue(site, 100)
    deliver_due(app)
    _queue(site, NUMBER)
    started = time.process_time()
    deliver_due(app)
    seconds = (time.process_time() - started) / NUMBER
    _queue(site, NUMBER)
    profile = cProfile.Profile(time.process_time)
    profile.runcall(deliver_due, app)
    app_state_of(app).database.engine.dispose()
    return seconds, _shares(profile)


def _shares(profile: cProfile.Profile) -> str:
    stats = pstats.Stats(profile)
    cumulative = {(Path(file).name, name): values[3] for (file, _line, name), values in stats.stats.items()}  # type: ignore[attr-defined]
    total = stats.total_tt  # type: ignore[attr-defined]
    shares = {part: cumulative.get(function, 0.0) / total for part, function in PARTS.items()}
    shares["other"] = 1 - sum(shares.values())
    return ", ".join(f"{part} {share:.0%}" for part, share in shares.items())


def _queue(site: Site, number: int) -> None:
    users = site.pending(number)
    with site.database.transaction() as session:
        enqueue_all(session, "activation", users, _far())


def _warm_up(site: Site) -> None:
    """Wait until the worker has sent something."""
    _queue(site, 10)
    _wait_until_sent(site)


def _wait_until_sent(site: Site, seconds: float = 120) -> datetime:
    """Wait until nothing is queued or being sent; return the moment."""
    unsent = select(Message.id).where(Message.state.in_((MessageState.QUEUED, MessageState.SENDING))).limit(1)
    deadline = time.monotonic() + seconds
    while True:
        with site.database.read() as session:
            if session.scalar(unsent) is None:
                return clock.now()
        if time.monotonic() > deadline:
            raise TimeoutError(f"messages are not sent after {seconds} s")
        time.sleep(0.02)


def _far() -> datetime:
    return clock.now().replace(year=2100)


def _sample(site: Site) -> bytes:
    """Compose an email as the worker does."""
    general = General("https://mailroom.example", "Mailroom", "")
    data = {"name": "Somebody 1", "valid_until": clock.now(), "code": "1234-5678"}
    with create_app(site.config).app_context():
        path = "/activate/" + "x" * 43
        return compose("activation", "somebody1@mailroom.example", SENDER, general, data, path).as_bytes()
