"""Finding a mail service by its domain, MX, autoconfig and SRV, in this order."""

import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from flask import Flask

from tests.mail.discovery.test_autoconfig import SERVER, document
from tests.support.dns_server import Fault, NameServer, Records
from webapp.core.domain_lists import NotADomain
from webapp.core.email_addresses import InvalidEmailAddress
from webapp.mail.discovery import service
from webapp.mail.discovery.service import Found, NotFound
from webapp.providers.registry import get_providers

Find = Callable[..., Found | NotFound]
SUBMISSIONS = {"_submissions._tcp.shop.example": {"SRV": ["0 1 465 mail.shop.example."]}}
SUBMISSION = {"_submission._tcp.shop.example": {"SRV": ["5 1 587 b.shop.example.", "0 1 587 a.shop.example."]}}
SHOP: dict[str, Records] = {"shop.example": {"MX": ["10 mx.shop.example"]}}


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    """The documents of a web server, by path; it is asked in place of the domain's own."""
    pages: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

        def do_GET(self) -> None:
            self.send_response(200 if self.path in pages else 404)
            self.end_headers()
            self.wfile.write(pages.get(self.path, b""))

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        urls = [f"http://127.0.0.1:{server.server_port}/{way}/{{domain}}" for way in ("autoconfig", "well-known")]
        monkeypatch.setattr("webapp.mail.discovery.autoconfig.URLS", tuple(urls))
        yield pages
        server.shutdown()


@pytest.fixture
def find(shared_app: Flask, pages: dict[str, bytes]) -> Iterator[Find]:
    """Find the service of what is asked for, with these zones."""

    def run(text: str, zones: Mapping[str, Records], faults: Mapping[str, Fault] | None = None) -> Found | NotFound:
        with NameServer(zones, faults) as server:
            return service.find(service.parse(text), list(get_providers()), [server.address])

    with shared_app.app_context():
        yield run


def summary(found: Found | NotFound) -> tuple[object, ...]:
    assert isinstance(found, Found)
    at = found.settings
    return (str(found.source), found.provider and found.provider.key, at.host, at.port, at.security, at.username)


@pytest.mark.parametrize(
    ("text", "exchanger", "wanted"),
    [
        ("Ada@GMAIL.com", "", ("domain", "google", "smtp.gmail.com", 465, "tls", "Ada@gmail.com")),
        ("shop.example", "aspmx.l.google.com", ("mx", "google", "smtp.gmail.com", 465, "tls", "")),
        (
            "ada@shop.example", "shop-example.mail.protection.outlook.com",
            ("mx", "office365", "smtp.office365.com", 587, "starttls", "ada@shop.example"),
        ),
    ],
)  # fmt: skip
def test_a_known_provider_is_found_by_its_domain_or_mx(
    find: Find, text: str, exchanger: str, wanted: tuple[object, ...]
) -> None:
    assert summary(find(text, {"shop.example": {"MX": [f"10 {exchanger}."]}} if exchanger else {})) == wanted


def test_a_name_that_only_looks_like_a_providers_is_not_its(find: Find) -> None:
    assert find("shop.example", {"shop.example": {"MX": ["10 notgoogle.com."]}}) == NotFound(unanswered=False)


@pytest.mark.parametrize("way", ["autoconfig", "well-known"])
def test_what_the_domain_publishes_comes_before_srv(find: Find, pages: dict[str, bytes], way: str) -> None:
    pages[f"/{way}/shop.example"] = document(SERVER)
    found = find("ada@shop.example", SHOP | SUBMISSIONS)
    assert summary(found) == ("autoconfig", None, "smtp.shop.example", 465, "tls", "ada@shop.example")
    assert isinstance(found, Found)
    assert found.evidence.endswith(f"/{way}/shop.example")


def test_published_settings_of_a_known_provider_are_that_provider(find: Find, pages: dict[str, bytes]) -> None:
    pages["/autoconfig/shop.example"] = document(SERVER.replace("smtp.%EMAILDOMAIN%", "smtp.sendgrid.net"))
    assert summary(find("ada@shop.example", SHOP)) == (
        "autoconfig", "sendgrid", "smtp.sendgrid.net", 587, "starttls", "apikey",
    )  # fmt: skip


def test_tls_from_the_start_is_preferred_and_a_dot_means_none(find: Find) -> None:
    assert summary(find("shop.example", SHOP | SUBMISSION | SUBMISSIONS))[2:5] == ("mail.shop.example", 465, "tls")
    none = {"_submissions._tcp.shop.example": {"SRV": ["0 0 0 ."]}}
    assert summary(find("shop.example", SHOP | SUBMISSION | none))[2:5] == ("a.shop.example", 587, "starttls")
    assert find("shop.example", SHOP | none) == NotFound(unanswered=False)


def test_name_servers_without_an_answer_are_told_from_nothing_found(
    find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find("shop.example", {}, {"shop.example": "servfail"}) == NotFound(unanswered=True)
    monkeypatch.setattr("webapp.mail.discovery.service.SECONDS", 0.5)
    start = time.monotonic()
    assert find("shop.example", {}, {"shop.example": "silent"}) == NotFound(unanswered=True)
    assert time.monotonic() - start < 6


@pytest.mark.parametrize(
    "text", ["", "shop", "a b.example", "*.shop.example", "shop.example, other.example", "http://a/b"]
)
def test_what_is_no_domain_is_refused(text: str) -> None:
    with pytest.raises(NotADomain):
        service.parse(text)
    with pytest.raises(InvalidEmailAddress):
        service.parse("ada@@shop.example")
