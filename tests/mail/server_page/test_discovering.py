"""Finding the settings of a mail service on the page: they fill the form, and nothing is saved."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.mail.page import PAGE, custom, error_at, find_saved
from tests.support.browser import Browser
from tests.support.dns_server import NameServer
from tests.support.html import forms_of
from webapp.core.app_state import AppState

pytestmark = pytest.mark.one_database


@pytest.fixture(autouse=True)
def name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    """The DNS. No domain has a web server for mail programs."""
    monkeypatch.setattr("webapp.mail.discovery.autoconfig.URLS", ("http://127.0.0.1:9/{domain}",))
    zones = {
        "shop.example": {"MX": ["1 smtp.google.com."]},
        "own.example": {},
        "other.example": {},
        "_submission._tcp.own.example": {"SRV": ["0 1 2587 mail.own.example."]},
    }
    with NameServer(zones) as server:
        yield server


@pytest.fixture
def config_values(name_server: NameServer) -> dict[str, Any]:
    """Ask that name server."""
    return {"name_servers": name_server.setting}


def values(text: str) -> dict[str, str]:
    """Return what the form of a page holds."""
    return next(dict(form.values) for form in forms_of(text) if "mail_from" in dict(form.values))


def test_a_known_provider_is_chosen_and_filled_in(administrator: Browser, state: AppState) -> None:
    page = administrator.submit(PAGE, "discover", discover_for="ada@shop.example")
    form = values(page.text)
    assert "Google receives the email of shop.example (MX record smtp.google.com)." in page.text
    assert (form["provider"], form["host"], form["username"]) == ("google", "smtp.gmail.com", "ada@shop.example")
    assert (form["mail_from"], form["discover_for"]) == ("ada@shop.example", "")
    assert find_saved(state) is None


def test_another_server_fills_in_the_connection_and_keeps_what_was_entered(administrator: Browser) -> None:
    page = administrator.submit(PAGE, "enter", **custom(discover_for="own.example"))
    form = values(page.text)
    assert "SRV record _submission._tcp.own.example" in page.text
    assert (form["provider"], form["host"], form["port"], form["security"]) == (
        "custom", "mail.own.example", "2587", "starttls",
    )  # fmt: skip
    assert (form["mail_from"], form["username"]) == (custom()["mail_from"], "mailroom")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "Enter a domain"),
        ("own", "Enter a domain"),
        ("other.example", "doesn't publish its settings"),
        ("othr.example", "othr.example doesn't exist in the DNS."),
    ],
)
def test_what_leads_nowhere_says_so_beside_the_field(administrator: Browser, text: str, error: str) -> None:
    page = administrator.submit(PAGE, "discover", **custom(discover_for=text))
    assert error in error_at(page, "discover_for")
    assert (values(page.text)["discover_for"], values(page.text)["host"]) == (text, "smtp.example.org")
    assert page.text.count('id="host-error"') == 0


def test_an_address_whose_domain_leads_nowhere_is_the_sender(administrator: Browser) -> None:
    page = administrator.submit(PAGE, "discover", discover_for="ada@other.example")
    assert values(page.text)["mail_from"] == "ada@other.example"


def test_what_leads_nowhere_keeps_no_test_from_being_made(administrator: Browser) -> None:
    page = administrator.submit(PAGE, "discover", **custom(discover_for="other.example", host="127.0.0.1", port=9))
    assert "Connection refused" in administrator.submit_on(page, "test").text
