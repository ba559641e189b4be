"""What is measured. Each takes a prepared site and gives numbers."""

import random
import smtplib
import time
from dataclasses import dataclass
from http.client import HTTPConnection
from statistics import median
from urllib.parse import urlencode

from tests.bench.load import requests_per_second
from tests.bench.sink import Sink
from tests.bench.site import SENDER, Site, bare_page
from tests.support.html import forms_of
from webapp import clock, create_app
from webapp.outbox.messages import compose
from webapp.outbox.service import owe
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


def forgot_password(site: Site, number: int = 200) -> Compared:
    """Seconds that the answer takes for a known and for an unknown address, in random order."""
    known = site.add_people(number)
    unknown = [f"nobody{index}@mailroom.example" for index in range(number)]
    times: dict[bool, list[float]] = {True: [], False: []}
    order = [(True, address) for address in known] + [(False, address) for address in unknown]
    random.shuffle(order)
    with site.web() as port, site.worker():
        client = Asking(port)
        for address in [f"first{index}@mailroom.example" for index in range(40)]:
            client.ask(address)
        for is_known, address in order:
            started = time.perf_counter()
            client.ask(address)
            times[is_known].append(time.perf_counter() - started)
            # The mail to a known address is on its way meanwhile, and would slow the next request down.
            time.sleep(0.1)
    return Compared(median(times[True]), median(times[False]))


def post_to_data(site: Site, sink: Sink, number: int = 21) -> float:
    """Seconds from the request to the DATA command of its mail, on an idle system."""
    addresses, waits = site.add_people(number), []
    with site.web() as port, site.worker():
        client = Asking(port)
        for address in addresses:
            time.sleep(random.uniform(0.5, 1.5))
            before, started = len(sink.moments), time.monotonic()
            client.ask(address)
            waits.append(sink.wait(before + 1)[before] - started)
    return median(waits)


def drain(site: Site, sink: Sink, number: int = 500) -> Compared:
    """Messages per second of the worker, and of smtplib with a finished message on one connection."""
    addresses = site.add_people(number)
    with site.database.writing() as session:
        for address in addresses:
            owe(session, site.queue, "reset", address, expires_at=clock.now().replace(year=2100))
    before = len(sink.moments)
    with site.worker():
        ours = _rate(sink.wait(before + number)[before:])
    content = _sample(site)
    before = len(sink.moments)
    with smtplib.SMTP("127.0.0.1", sink.port) as client:
        for address in addresses:
            client.sendmail(SENDER, [address], content)
    return Compared(ours, _rate(sink.wait(before + number)[before:]))


class Asking:
    """A client that asks for reset mails over one kept connection."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port)
        self._connection.request("GET", "/forgot-password")
        answer = self._connection.getresponse()
        self._fields = dict(forms_of(answer.read().decode())[0].values)
        cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
        self._headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}

    def ask(self, address: str) -> None:
        """Send the form. Raises RuntimeError when the answer is not the usual one."""
        body = urlencode({**self._fields, "email": address})
        self._connection.request("POST", "/forgot-password", body, self._headers)
        answer = self._connection.getresponse()
        if answer.status != 200 or b'name="email"' in answer.read():
            raise RuntimeError(f"{address}: {answer.status}")


def _rate(moments: list[float]) -> float:
    return (len(moments) - 1) / (moments[-1] - moments[0])


def _sample(site: Site) -> bytes:
    """A mail as the worker sends it."""
    general = General("https://mailroom.example", "Mailroom", "")
    link = "https://mailroom.example/reset-password/" + "x" * 43
    facts = {"name": "Person", "valid_until": clock.now()}
    with create_app(site.config).app_context():
        return compose("reset", "person0@mailroom.example", SENDER, general, facts, link).as_bytes()
