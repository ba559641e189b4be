"""Emails handed in by SMTP: how many are accepted in a second, how soon they go on, and what kills cost."""

import random
import shutil
import smtplib
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.bench.postfix import MISSING, running_postfix
from tests.bench.sink import Sink, running_sink, wait_for_port
from tests.bench.site import Site, running
from tests.bench.table import percentile, row, say
from tests.support.applications import add_application
from tests.support.handing_in import Clients
from tests.support.postgresql import running_postgresql
from tests.support.running import clean, free_port

SESSIONS, EMAILS, SIZE, ROUNDS = 10, 2_000, 1_000, 3
NUMBER, KILLS = 60, 20
# Emails that are accepted before each kill.
BEFORE_KILL = 50
SENDER = "orders@shop.example"
EMAIL = f"From: {SENDER}\nTo: ada@people.example\nSubject: Your order\n\nThank you.\n"


def measure() -> None:
    """Print the rows of this group."""
    accepted()
    waits = handed_in_to_data()
    p50, p99 = (percentile(waits, percent) * 1000 for percent in (50, 99))
    row("SMTP hand-in to DATA, idle, SQLite, ms", f"{p50:.0f}", f"p99 {p99:.0f}", None, "p50 < 100")
    measure_kills()


def accepted() -> None:
    """Compare how many emails are accepted, with a connection for each and with connections that are kept."""
    source = shutil.which("smtp-source") or shutil.which("smtp-source", path="/usr/sbin")
    if source is None:
        say("smtp-source is not installed. Debian and Ubuntu have it in the package postfix.")
        return
    with _site() as (site, port, _sink), _submission(site, port), running_postfix() as postfix:
        if postfix is None:
            say(MISSING)
        for name, options in (("a connection each", []), ("kept connections", ["-d"])):
            ours, theirs = [], []
            for _ in range(ROUNDS):
                ours.append(_rate(source, options, port))
                theirs += [_rate(source, options, postfix)] if postfix else []
            mine, other = statistics.median(ours), statistics.median(theirs) if theirs else None
            compared = f"Postfix {other:.0f}" if other else ""
            row(
                f"accepted by SMTP, {name}, emails/s", f"{mine:.0f}", compared, mine / other if other else None, "≥ 0.5"
            )


def handed_in_to_data() -> list[float]:
    """Measure the seconds from MAIL to the DATA command of the mail server, while nothing else is to be done."""
    with ExitStack() as stack:
        site, port, sink = stack.enter_context(_site())
        stack.enter_context(_submission(site, port))
        stack.enter_context(site.worker())
        smtp = stack.enter_context(smtplib.SMTP("127.0.0.1", port, "client.example"))
        for _ in range(3):
            _hand_in(smtp, sink)
        return [_hand_in(smtp, sink) for _ in range(NUMBER)]


def measure_kills(kills: int = KILLS) -> None:
    """Print what killing the server so often costs, at random moments while clients hand in, on both databases."""
    for database in ("SQLite", "PostgreSQL"):
        total, doubles, lost = kill_often(kills, database)
        row(
            f"doubles in {kills} kills of the SMTP server, {database}",
            f"{doubles}",
            f"{lost} lost of {total:,}",
            doubles / kills,
            "≤ 1, 0 lost",
        )


def kill_often(kills: int, database: str) -> tuple[int, int, int]:
    """Kill the server so often; return how many emails were accepted, doubled and lost."""
    with ExitStack() as stack:
        url = None
        if database == "PostgreSQL":
            url = stack.enter_context(stack.enter_context(running_postgresql(durable=True)).fresh())
        site, port, sink = stack.enter_context(_site(url))
        stack.enter_context(site.worker())
        clients: Clients | None = None
        for _ in range(kills):
            with subprocess.Popen(_command(), env=clean(_environ(site, port)), stderr=subprocess.DEVNULL) as process:
                wait_for_port(port, 30)
                clients = clients or Clients(port, SESSIONS)
                _wait_for_emails(clients, BEFORE_KILL)
                time.sleep(random.uniform(0, 0.3))
                process.kill()
        assert clients
        with _submission(site, port):
            clients.stop()
            deadline = time.monotonic() + 60
            while len(set(sink.accepted)) < len(clients.accepted) and time.monotonic() < deadline:
                time.sleep(0.2)
            time.sleep(1)
        copies = Counter(sink.accepted)
        return len(clients.accepted), copies.total() - len(copies), len(clients.accepted) - len(copies)


def _wait_for_emails(clients: Clients, number: int, seconds: float = 30) -> None:
    wanted, deadline = len(clients.accepted) + number, time.monotonic() + seconds
    while len(clients.accepted) < wanted and time.monotonic() < deadline:
        time.sleep(0.01)


def _rate(source: str, options: list[str], port: int) -> float:
    everything = [*options, "-s", SESSIONS, "-m", EMAILS, "-l", SIZE, "-f", SENDER, "-t", "ada@people.example"]
    started = time.monotonic()
    subprocess.run([source, *map(str, everything), f"127.0.0.1:{port}"], check=True)
    return EMAILS / (time.monotonic() - started)


def _hand_in(smtp: smtplib.SMTP, sink: Sink) -> float:
    before, started = len(sink.times), time.monotonic()
    smtp.sendmail(SENDER, ["ada@people.example"], EMAIL)
    begun = sink.wait(before + 1)[before]
    time.sleep(random.uniform(0.1, 0.6))
    return begun - started


@contextmanager
def _site(database_url: str | None = None) -> Iterator[tuple[Site, int, Sink]]:
    """Prepare a site, a port and a mail server; an application is trusted on this machine."""
    with running_sink() as sink, tempfile.TemporaryDirectory(prefix="mailroom-bench-") as folder:
        site = Site.prepared(Path(folder), sink.port, database_url=database_url)
        try:
            add_application(site.database, networks=["127.0.0.0/8"], trusts_networks=True)
            yield site, free_port(), sink
        finally:
            site.database.engine.dispose()


@contextmanager
def _submission(site: Site, port: int) -> Iterator[None]:
    with running(_command(), _environ(site, port)):
        wait_for_port(port, 30)
        yield


def _command() -> list[str]:
    return [sys.executable, "-m", "webapp.cli", "submission"]


def _environ(site: Site, port: int) -> dict[str, str]:
    return {**site.environ, "MAILROOM_SUBMISSION": f"127.0.0.1:{port}"}
