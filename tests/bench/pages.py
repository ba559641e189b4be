"""How fast pages are, and email that people wait for."""

import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from tests.bench.load import requests_per_second
from tests.bench.sink import Sink, running_sink
from tests.bench.site import Site, bare_page
from tests.bench.table import Compared, row
from tests.bench.visitor import Visitor
from tests.support.browser import PASSWORD
from webapp.accounts.models import Role
from webapp.accounts.passwords import hashing
from webapp.core import clock
from webapp.outbox.service import enqueue

ROUNDS = 3


def measure() -> None:
    """Print the rows of this group."""
    with fresh() as (site, _sink):
        page = sign_in_page(site)
        row("sign-in page, requests/s", f"{page.ours:,.0f}", f"bare page {page.other:,.0f}", page.ratio, "≥ 0.25")
    for role in (Role.MEMBER, Role.ADMINISTRATOR):
        with fresh() as (site, _sink):
            home = signed_in_page(site, role)
            bare = f"bare page {home.other:,.0f}"
            row(f"Home of a signed-in {role}, requests/s", f"{home.ours:,.0f}", bare, home.ratio, "≥ 0.25")
    with fresh() as (site, _sink):
        for who, took in zip(("a user", "nobody"), signing_in(site), strict=True):
            ours, check = f"{took.ours * 1000:.1f}", f"argon2 check {took.other * 1000:.1f}"
            row(f"signing in as {who}, ms", ours, check, took.ratio, "≤ 1.30")
    with fresh() as (site, _sink):
        asked = forgot_password(site)
        known, unknown = f"known {asked.ours * 1000:.2f}", f"unknown {asked.other * 1000:.2f}"
        row("requesting a reset, by address, ms", known, unknown, asked.ratio, "0.95 to 1.05")
    with fresh() as (site, sink):
        wait = post_to_data(site, sink)
        row("requesting a reset until DATA of its email, ms", f"{wait * 1000:.0f}", "", None, "< 150")
    with fresh() as (site, sink):
        tokens = oauth2(site, sink)
        cost = tokens.other / tokens.ours
        row("emails/s with OAuth2", f"{tokens.ours:,.0f}", f"with a password {tokens.other:,.0f}", cost, "≤ 1.05")


@contextmanager
def fresh() -> Iterator[tuple[Site, Sink]]:
    """Prepare a new site for one measurement."""
    with tempfile.TemporaryDirectory(prefix="mailroom-bench-") as folder, running_sink() as sink:
        site = Site.prepared(Path(folder), sink.port)
        yield site, sink
        site.database.engine.dispose()


def sign_in_page(site: Site) -> Compared:
    """Measure requests per second of the sign-in page and of a bare page, in turns."""
    ours, bare = [], []
    with site.web() as our_port, bare_page() as bare_port:
        for port in (our_port, bare_port):
            requests_per_second(port, "/login", seconds=1)
        for _ in range(ROUNDS):
            ours.append(requests_per_second(our_port, "/login"))
            bare.append(requests_per_second(bare_port, "/login"))
    return Compared(median(ours), median(bare))


def signed_in_page(site: Site, role: Role) -> Compared:
    """Measure requests per second of Home, for a user with this role, and of a bare page, in turns."""
    site.add_people(2)
    ours, bare = [], []
    with site.web() as our_port, bare_page() as bare_port:
        cookie = site.signed_in(our_port, role).cookie
        for _ in range(ROUNDS):
            ours.append(requests_per_second(our_port, "/", cookie))
            bare.append(requests_per_second(bare_port, "/login"))
    return Compared(median(ours), median(bare))


def signing_in(site: Site, number: int = 40) -> tuple[Compared, Compared]:
    """Measure seconds to sign in, for users and for unknown addresses, compared with the bare argon2 check."""
    kept = hashing.hash_password(PASSWORD)
    site.add_people(number)
    times: dict[str, list[float]] = {"person": [], "nobody": [], "check": []}
    with site.web() as port:
        for index in range(-5, number):
            for who in ("person", "nobody"):
                seconds = _time_sign_in(port, f"{who}{index}@mailroom.example")
                if index >= 0:
                    times[who].append(seconds)
            started = time.perf_counter()
            hashing.verify(PASSWORD, kept)
            times["check"].append(time.perf_counter() - started)
    check = median(times["check"])
    return Compared(median(times["person"]), check), Compared(median(times["nobody"]), check)


def _time_sign_in(port: int, address: str) -> float:
    visitor = Visitor(port)
    fields = {**visitor.fields("/login"), "email": address, "password": PASSWORD}
    started = time.perf_counter()
    visitor.send("/login", fields)
    return time.perf_counter() - started


def forgot_password(site: Site, number: int = 200) -> Compared:
    """Measure seconds for the response to a known and to an unknown address, in random order."""
    known = site.add_people(number)
    unknown = [f"nobody{index}@mailroom.example" for index in range(number)]
    times: dict[bool, list[float]] = {True: [], False: []}
    order = [(True, address) for address in known] + [(False, address) for address in unknown]
    random.shuffle(order)
    with site.web() as port, site.worker():
        visitor = Visitor(port)
        fields = visitor.fields("/forgot-password")
        for address in [f"first{index}@mailroom.example" for index in range(40)]:
            _ask(visitor, fields, address)
        for is_known, address in order:
            started = time.perf_counter()
            _ask(visitor, fields, address)
            times[is_known].append(time.perf_counter() - started)
            # Meanwhile the email to a known address is being sent, which would slow down the next request.
            time.sleep(0.1)
    return Compared(median(times[True]), median(times[False]))


def post_to_data(site: Site, sink: Sink, number: int = 21) -> float:
    """Measure seconds from the request to the DATA command of its email, on an idle system."""
    addresses, waits = site.add_people(number), []
    with site.web() as port, site.worker():
        visitor = Visitor(port)
        fields = visitor.fields("/forgot-password")
        for address in addresses:
            time.sleep(random.uniform(0.5, 1.5))
            before, started = len(sink.times), time.monotonic()
            _ask(visitor, fields, address)
            waits.append(sink.wait(before + 1)[before] - started)
    return median(waits)


def _ask(visitor: Visitor, fields: dict[str, str], address: str) -> None:
    """Request a reset email. Raises RuntimeError unless the response is the usual one."""
    status, _page = visitor.send("/forgot-password", {**fields, "email": address})
    if status != 302:
        raise RuntimeError(f"{address}: {status}")


def oauth2(site: Site, sink: Sink, number: int = 1000) -> Compared:
    """Measure messages per second over a kept connection, authenticated with a token and with a password, in turns."""
    addresses = site.add_people(number)
    rates: dict[str, list[float]] = {"authorization_code": [], "password": []}
    for authentication, found in list(rates.items()) * ROUNDS:
        site.sign_in_by(authentication)
        with site.database.transaction() as session:
            for address in addresses:
                enqueue(session, "reset", address, expires_at=clock.now().replace(year=2100))
        before = len(sink.times)
        with site.worker():
            found.append(_rate(sink.wait(before + number)[before:]))
    return Compared(median(rates["authorization_code"]), median(rates["password"]))


def _rate(times: list[float]) -> float:
    return (len(times) - 1) / (times[-1] - times[0])
