"""Saving the mail server, below its page, and the settings that the transport gets of it."""

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import Flask

from plugins import custom
from tests.mail.page import saved
from webapp.core.app_state import AppState
from webapp.core.errors import StaleVersion
from webapp.mail import service, transport_settings
from webapp.mail.models import MailServer
from webapp.mail.server_page.forms import DEFAULTS
from webapp.mail.servers import COLUMNS, LIMITS, EnteredServer
from webapp.mail.service import SecretsRequired
from webapp.settings.service import General

Save = Callable[..., MailServer]


def entered(password: str = "", **given: Any) -> EnteredServer:
    """Return a server of the provider Custom, as the form makes it."""
    values: dict[str, Any] = dict.fromkeys(COLUMNS, "") | DEFAULTS | dict.fromkeys(("proxy_port", *LIMITS))
    values |= {"mail_from": "m@example.org", "host": "smtp.example.org", "port": 587, "security": "starttls"}
    values |= {"authentication": "password", "username": "mailroom"}
    return EnteredServer(custom.register_smtp_provider(), values | given, {}, {"password": password})


@pytest.fixture
def save(state: AppState) -> Save:
    """Save what was entered in a transaction of its own."""

    def save(one: EnteredServer, version: int | None = None) -> MailServer:
        with state.database.transaction() as session:
            return service.save(session, state.sealer, one, by="ada@mailroom.example", version=version).server

    return save


def test_two_first_saves_at_once_are_one_mail_server(app: Flask, save: Save, state: AppState) -> None:
    barrier = Barrier(4)

    def save_at_once(port: int) -> None:
        barrier.wait()
        with app.app_context():
            save(entered("secret", port=port))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(save_at_once, (25, 465, 587, 2525)))
    assert saved(state).port in (25, 465, 587, 2525)


def test_of_two_forms_of_the_same_version_one_is_saved(app: Flask, save: Save, state: AppState) -> None:
    version = save(entered("secret"), version=0).version
    barrier = Barrier(2)

    def save_at_once(port: int) -> bool:
        barrier.wait()
        try:
            with app.app_context():
                save(entered("secret", port=port), version=version)
        except StaleVersion:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(save_at_once, (25, 465))) == [False, True]
    assert saved(state).version != version


def test_a_password_saved_in_the_meantime_is_only_sent_to_its_own_server(save: Save, state: AppState) -> None:
    save(entered("theirs", host="smtp.other.example"))
    with pytest.raises(SecretsRequired):
        save(entered(host="smtp.attacker.example"))
    assert saved(state).host == "smtp.other.example"


@pytest.mark.parametrize(
    ("public_url", "machine", "mail_from", "name"),
    [
        ("https://mail.example.org:8443", "box.lan.example", "m@example.com", "mail.example.org"),
        ("https://straße.example", "box.lan.example", "m@example.com", "xn--strae-oqa.example"),
        ("http://127.0.0.1:8000", "box.lan.example", "m@example.com", "box.lan.example"),
        ("http://localhost:8000", "localhost.localdomain", "M <m@example.com>", "example.com"),
        ("", "box", "m@bücher.example", "xn--bcher-kva.example"),
        ("", "app_web_1", "m@example.com", "example.com"),
        ("", "app_web_1.app_default", "m@example.com", "example.com"),
        ("https://app_web_1.example.org", "app_web_1", "m@example.com", "example.com"),
        ("https://mailroom", "web-0.default.svc.cluster.local", "m@example.com", "example.com"),
        ("", "1.0.0.127.in-addr.arpa", "m@example.com", "example.com"),
        ("https://192.0.2.1", "192.0.2.1", "m@example.com", "example.com"),
        ("", "app_web_1", "m@localhost", ""),
        ("", "-box.example.org", "m@[192.0.2.1]", ""),
        ("", "localhost.localdomain", "m@localhost", ""),
    ],
)
def test_ehlo_names_a_real_host(
    public_url: str, machine: str, mail_from: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getfqdn", lambda: machine)
    assert transport_settings.ehlo_name(General(public_url, "", ""), mail_from) == name
