"""The measurements. Each takes a prepared site and returns numbers."""

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
from tests.support.users import add_user
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
        """Our median divided by the other."""
        return self.ours / self.other


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
        cookie = _signed_in(site, our_port, role).cookie
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


def users_page(site: Site, few: int = 1_000, many: int = 1_000_000, number: int = 40) -> Compared:
    """Measure seconds for the users page, with many users and with few."""
    with site.web() as port:
        administrator = _signed_in(site, port, Role.ADMINISTRATOR)
        with_few = _time_users(site, administrator, few, number)
        return Compared(_time_users(site, administrator, many, number), with_few)


def _time_users(site: Site, administrator: Visitor, people: int, number: int) -> float:
    site.grow_to(people)
    # That took a while, and the server closes idle connections.
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
    """Return a signed-in user with this role."""
    address = f"{role}@mailroom.example"
    add_user(site.database, address, role)
    visitor = Visitor(port)
    visitor.send("/login", {**visitor.fields("/login"), "email": address, "password": PASSWORD})
    visitor.get("/")
    return visitor


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


def deliver(site: Site, sink: Sink, number: int = 500) -> Compared:
    """Measure messages per second of the worker, and of smtplib with a prebuilt message on one connection."""
    addresses = site.add_people(number)
    with site.database.transaction() as session:
        for address in addresses:
            enqueue(session, "reset", address, expires_at=clock.now().replace(year=2100))
    before = len(sink.times)
    with site.worker():
        ours = _rate(sink.wait(before + number)[before:])
    content = _sample(site)
    before = len(sink.times)
    with smtplib.SMTP("127.0.0.1", sink.port) as client:
        for address in addresses:
            client.sendmail(SENDER, [address], content)
    return Compared(ours, _rate(sink.wait(before + number)[before:]))


def _ask(visitor: Visitor, fields: dict[str, str], address: str) -> None:
    """Request a reset email. Raises RuntimeError unless the response is the usual one."""
    status, _page = visitor.send("/forgot-password", {**fields, "email": address})
    if status != 302:
        raise RuntimeError(f"{address}: {status}")


def oauth2(site: Site, sink: Sink, number: int = 300) -> Compared:
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


def _sample(site: Site) -> bytes:
    """Compose an email as the worker does."""
    general = General("https://mailroom.example", "Mailroom", "")
    link = "https://mailroom.example/reset-password/" + "x" * 43
    data = {"name": "Person", "valid_until": clock.now()}
    with create_app(site.config).app_context():
        return compose("reset", "person0@mailroom.example", SENDER, general, data, link).as_bytes()
