"""The saved mail server, below its page."""

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from plugins import custom
from webapp.core.app_state import AppState
from webapp.mail import servers, service, transport_settings
from webapp.mail.models import MailServer
from webapp.mail.server_page.forms import COLUMNS, DEFAULTS
from webapp.mail.servers import ServerDraft
from webapp.mail.service import SecretsRequired
from webapp.settings.service import General

Save = Callable[..., MailServer]


def draft(password: str = "", **given: Any) -> ServerDraft:
    """A server of one's own, as the form describes it."""
    values: dict[str, Any] = dict.fromkeys(COLUMNS, "") | DEFAULTS | {"proxy_port": None}
    values |= {"mail_from": "m@example.org", "host": "smtp.example.org", "port": 587, "security": "starttls"}
    values |= {"authentication": "password", "username": "mailroom"}
    return ServerDraft(custom.register_smtp_provider(), values | given, {}, {"password": password})


@pytest.fixture
def save(parts: AppState) -> Save:
    """Save a draft in a transaction of its own."""

    def save(one: ServerDraft) -> MailServer:
        with parts.database.transaction() as session:
            return service.save(session, parts.sealer, one, by="ada@mailroom.example").server

    return save


def test_two_first_saves_at_once_are_one_mail_server(save: Save, parts: AppState) -> None:
    barrier = Barrier(4)

    def at_once(port: int) -> None:
        barrier.wait()
        save(draft("secret", port=port))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(at_once, (25, 465, 587, 2525)))
    with parts.database.read() as session:
        server = servers.primary(session)
    assert server is not None
    assert server.port in (25, 465, 587, 2525)


def test_a_password_saved_meanwhile_goes_to_its_own_server_alone(save: Save, parts: AppState) -> None:
    save(draft("theirs", host="smtp.other.example"))
    with pytest.raises(SecretsRequired):
        save(draft(host="smtp.attacker.example"))
    with parts.database.read() as session:
        server = servers.primary(session)
    assert server is not None
    assert server.host == "smtp.other.example"


@pytest.mark.parametrize(
    ("public_url", "machine", "mail_from", "name"),
    [
        ("https://mail.example.org:8443", "box.lan.example", "m@example.com", "mail.example.org"),
        ("https://straße.example", "box.lan.example", "m@example.com", "xn--strae-oqa.example"),
        ("http://127.0.0.1:8000", "box.lan.example", "m@example.com", "box.lan.example"),
        ("http://localhost:8000", "localhost.localdomain", "M <m@example.com>", "example.com"),
        ("", "box", "m@bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_the_server_is_greeted_by_a_real_host_name(
    public_url: str, machine: str, mail_from: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getfqdn", lambda: machine)
    assert transport_settings.ehlo_name(General(public_url, "", ""), mail_from) == name


@pytest.mark.parametrize("machine", ["localhost", "localhost.localdomain"])
def test_the_server_is_never_greeted_as_localhost(machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getfqdn", lambda: machine)
    monkeypatch.setattr(socket, "gethostname", lambda: machine)
    assert transport_settings.ehlo_name(General("", "", ""), "m@localhost") == "mailroom.invalid"


def test_the_name_service_is_not_asked_when_the_public_address_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getfqdn", lambda: pytest.fail("asked"))
    assert (
        transport_settings.ehlo_name(General("https://mail.example.org", "", ""), "m@example.org") == "mail.example.org"
    )
