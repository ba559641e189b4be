"""What is measured. Each takes a prepared site and gives numbers."""

import random
import smtplib
import time
from dataclasses import dataclass
from statistics import median

from tests.bench.load import requests_per_second
from tests.bench.sink import Sink
from tests.bench.site import SENDER, Site, bare_page
from tests.bench.visitor import Visitor
from tests.support.browser import PASSWORD
from tests.support.people import add_person
from webapp import create_app
from webapp.accounts.models import Role
from webapp.accounts.passwords import hashing
from webapp.core import clock
from webapp.mail.compose import compose
from webapp.outbox.service import enqueue
from webapp.settings.service import General

ROUNDS = 5


@dataclass(frozen=True)
class Compared:
    """Two medians."""

    ours: float
    other: float

    @property
    def ratio(self) -> float:
        """Ours as a share of the other."""
        return self.ours / self.other


def sign_in_page(site: Site) -> Compared:
    """Requests per second of the sign-in page and of a bare page, in turns."""
    ours, bare = [], []
    with site.web() as our_port, bare_page() as bare_port:
        for port in (our_port, bare_port):
            requests_per_second(port, "/login", seconds=1)
        for _ in range(ROUNDS):
            ours.append(requests_per_second(our_port, "/login"))
            bare.append(requests_per_second(bare_port, "/login"))
    return Compared(median(ours), median(bare))


def signed_in_page(site: Site, role: Role) -> Compared:
    """Requests per second of Home, for somebody of this role, and of a bare page, in turns."""
    # There are others, as wherever Mailroom is in use.
    site.add_people(2)
    ours, bare = [], []
    with site.web() as our_port, bare_page() as bare_port:
        cookie = _signed_in(site, our_port, role).cookie
        for _ in range(ROUNDS):
            ours.append(requests_per_second(our_port, "/", cookie))
            bare.append(requests_per_second(bare_port, "/login"))
    return Compared(median(ours), median(bare))


def signing_in(site: Site, number: int = 40) -> tuple[Compared, Compared]:
    """Seconds that signing in takes, for people and for unknown addresses, each beside the bare argon2 check."""
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


def users_page(site: Site, few: int = 1_000, many: int = 1_000_000, number: int = 40) -> Compared:
    """Seconds that the page of users takes with many people, and with few."""
    with site.web() as port:
        administrator = _signed_in(site, port, Role.ADMINISTRATOR)
        with_few = _time_users(site, administrator, few, number)
        return Compared(_time_users(site, administrator, many, number), with_few)


def _time_users(site: Site, administrator: Visitor, people: int, number: int) -> float:
    site.grow_to(people)
    # That took a while, and the server keeps nobody's connection for ever.
    administrator.reconnect()
    times = []
    for _ in range(number):
        started = time.perf_counter()
        administrator.get("/users")
        times.append(time.perf_counter() - started)
    return median(times[number // 4 :])


def _time_sign_in(port: int, address: str) -> float:
    visitor = Visitor(port)
    fields = {**visitor.fields("/login"), "email": address, "password": PASSWORD}
    started = time.perf_counter()
    visitor.send("/login", fields)
    return time.perf_counter() - started


def _signed_in(site: Site, port: int, role: Role) -> Visitor:
    """Somebody of this role who is signed in."""
    address = f"{role}@mailroom.example"
    add_person(site.database, address, role)
    visitor = Visitor(port)
    visitor.send("/login", {**visitor.fields("/login"), "email": address, "password": PASSWORD})
    visitor.get("/")
    return visitor


def forgot_password(site: Site, number: int = 200) -> Compared:
    """Seconds that the answer takes for a known and for an unknown address, in random order."""
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
            # The mail to a known address is on its way meanwhile, and would slow the next request down.
            time.sleep(0.1)
    return Compared(median(times[True]), median(times[False]))


def post_to_data(site: Site, sink: Sink, number: int = 21) -> float:
    """Seconds from the request to the DATA command of its mail, on an idle system."""
    addresses, waits = site.add_people(number), []
    with site.web() as port, site.worker():
        visitor = Visitor(port)
        fields = visitor.fields("/forgot-password")
        for address in addresses:
            time.sleep(random.uniform(0.5, 1.5))
            before, started = len(sink.moments), time.monotonic()
            _ask(visitor, fields, address)
            waits.append(sink.wait(before + 1)[before] - started)
    return median(waits)


def drain(site: Site, sink: Sink, number: int = 500) -> Compared:
    """Messages per second of the worker, and of smtplib with a finished message on one connection."""
    addresses = site.add_people(number)
    with site.database.transaction() as session:
        for address in addresses:
            enqueue(session, "reset", address, expires_at=clock.now().replace(year=2100))
    before = len(sink.moments)
    with site.worker():
        ours = _rate(sink.wait(before + number)[before:])
    content = _sample(site)
    before = len(sink.moments)
    with smtplib.SMTP("127.0.0.1", sink.port) as client:
        for address in addresses:
            client.sendmail(SENDER, [address], content)
    return Compared(ours, _rate(sink.wait(before + number)[before:]))


def _ask(visitor: Visitor, fields: dict[str, str], address: str) -> None:
    """Ask for a reset mail. Raises RuntimeError when the answer is not the usual one."""
    status, _page = visitor.send("/forgot-password", {**fields, "email": address})
    if status != 302:
        raise RuntimeError(f"{address}: {status}")


def signed_in_by(site: Site, sink: Sink, number: int = 300) -> Compared:
    """Messages per second over a kept connection, signed in to with an access token and with a password, in turns."""
    addresses = site.add_people(number)
    rates: dict[str, list[float]] = {"authorization_code": [], "password": []}
    for authentication, found in list(rates.items()) * ROUNDS:
        site.sign_in_by(authentication)
        with site.database.transaction() as session:
            for address in addresses:
                enqueue(session, "reset", address, expires_at=clock.now().replace(year=2100))
        before = len(sink.moments)
        with site.worker():
            found.append(_rate(sink.wait(before + number)[before:]))
    return Compared(median(rates["authorization_code"]), median(rates["password"]))


def _rate(moments: list[float]) -> float:
    return (len(moments) - 1) / (moments[-1] - moments[0])


def _sample(site: Site) -> bytes:
    """A mail as the worker sends it."""
    general = General("https://mailroom.example", "Mailroom", "")
    link = "https://mailroom.example/reset-password/" + "x" * 43
    facts = {"name": "Person", "valid_until": clock.now()}
    with create_app(site.config).app_context():
        return compose("reset", "person0@mailroom.example", SENDER, general, facts, link).as_bytes()
