"""The fix that a failed test offers, against servers that expect another security or listen on another port."""

import socket
import ssl
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from tests.mail.conftest import settings_for, with_password
from tests.support.certificates import Authority
from tests.support.proxies import Internet
from tests.support.scripted import Reply, ScriptedServer
from webapp.core.sockets import Proxy
from webapp.mail.doctor.examination import Attempt, Fix, Progress
from webapp.mail.doctor.fixes import find_fix
from webapp.mail.mime import Email
from webapp.mail.transport.connection import SmtpConnection
from webapp.mail.transport.errors import DeliveryError
from webapp.mail.transport.settings import TransportSettings
from webapp.providers import Connection, Password, Provider

pytestmark = pytest.mark.one_database
Find = Callable[..., Fix]
HOST = "smtp.example.org"


@pytest.fixture
def search(shared_app: Flask, message: Email) -> Callable[..., tuple[Fix, Sequence[Attempt]]]:
    """Fail to send, and look for the fix; what was found and what was tried."""

    def search(settings: TransportSettings, **suggested: str) -> tuple[Fix, Sequence[Attempt]]:
        connection = SmtpConnection(settings, compares_families=True)
        with shared_app.app_context():
            with pytest.raises(DeliveryError) as caught, connection:
                connection.send(message)
            return find_fix(connection, message, caught.value.failure, suggested, Progress())

    return search


@pytest.fixture
def find(search: Callable[..., tuple[Fix, Sequence[Attempt]]]) -> Find:
    """Fail to send, and look for the fix."""
    return lambda *args, **suggested: search(*args, **suggested)[0]


@pytest.fixture
def internet() -> Iterator[Internet]:
    """A proxy behind which hosts have the usual ports."""
    with Internet() as proxy:
        yield proxy


@pytest.fixture
def smtp(internet: Internet, authority: Authority) -> Iterator[Callable[..., TransportSettings]]:
    """Start servers of one host on these ports; return the settings for the host and the first port."""
    servers: list[ScriptedServer] = []

    def start(ports: dict[int, dict[str, Any]], **given: Any) -> TransportSettings:
        for port, options in ports.items():
            servers.append(ScriptedServer(**{"certificate": authority.server(HOST), **options}))
            internet.servers[f"{HOST}:{port}"] = servers[-1].port
        proxy = Proxy("http", internet.host, internet.port)
        return with_password(host=HOST, port=next(iter(ports)), proxy=proxy, timeout=1, **given)

    yield start
    for server in servers:
        server.close()


@pytest.mark.parametrize(
    "behaviour",
    [{}, {"replies": {"MAIL": "530 5.7.0 Must issue a STARTTLS command first"}, "mechanisms": ""}],
)
def test_encryption_that_the_port_offers_and_the_server_wants_is_offered(
    behaviour: dict[str, Any], scripted: Callable[..., ScriptedServer], find: Find
) -> None:
    server = scripted(tls="starttls", **behaviour)
    settings = (settings_for if behaviour else with_password)(server, timeout=1)
    assert find(settings, security="starttls", port="587") == Fix({"security": "starttls"}, verified=True)
    assert "AUTH" not in server.commands


@pytest.mark.parametrize(
    ("present", "works", "values"),
    [
        ("starttls", {587: "starttls"}, {"port": "587"}),
        ("tls", {587: "starttls", 465: "tls"}, {"security": "starttls", "port": "587"}),
        ("starttls", {465: "tls"}, {"security": "tls", "port": "465"}),
        ("none", {2525: "starttls"}, {"security": "starttls", "port": "2525"}),
    ],
)
def test_a_usual_port_of_the_host_is_offered_if_a_mail_server_answers_there(
    present: str, works: dict[int, str], values: dict[str, str], smtp: Callable[..., TransportSettings], find: Find
) -> None:
    settings = smtp({25: {"mechanisms": ""}} | {port: {"tls": tls} for port, tls in works.items()}, security=present)
    assert find(settings) == Fix(values, verified=True)


def test_the_providers_own_connection_comes_before_the_usual_ones(
    smtp: Callable[..., TransportSettings], find: Find
) -> None:
    own = Provider("own", "Own", authentication=[Password()], connection=Connection(HOST, 2587, "starttls"))
    ports = {25: {"mechanisms": ""}, 587: {"tls": "starttls"}, 2587: {"tls": "starttls"}}
    assert find(smtp(ports, security="starttls", provider=own)) == Fix({"port": "2587"}, verified=True)


@pytest.mark.parametrize(
    "usual", [{}, {"mechanisms": ""}, {"tls": "starttls", "mechanisms": ""}, {"drop_at": "GREETING"}]
)
def test_nothing_is_offered_that_was_not_seen_to_work(
    usual: dict[str, Any], smtp: Callable[..., TransportSettings], search: Callable[..., tuple[Fix, Sequence[Attempt]]]
) -> None:
    settings = smtp({25: {"tls": "starttls", "mechanisms": ""}, 587: usual, 465: usual}, security="starttls")
    found, attempts = search(settings, security="starttls", port="587")
    assert found == Fix()
    assert [(one.security, one.port) for one in attempts] == [
        ("tls", "25"), ("starttls", "587"), ("tls", "465"), ("starttls", "2525"), ("tls", "2465"), ("starttls", "2587"),
    ]  # fmt: skip


def test_a_port_that_lacks_only_a_trusted_certificate_is_offered_where_nothing_else_works(
    smtp: Callable[..., TransportSettings], find: Find
) -> None:
    untrusted = {"tls": "tls", "certificate": Authority().server(HOST)}
    settings = smtp({25: {"mechanisms": ""}, 465: untrusted}, security="starttls")
    assert find(settings) == Fix({"security": "tls", "port": "465"})
    assert find(replace(settings, port=465, security="tls")) == Fix()


@pytest.mark.parametrize(("present", "values"), [("1.3", {"tls_minimum": "1.2"}), ("1.2", {})])
def test_a_value_that_the_form_holds_already_is_not_offered(
    present: str, values: dict[str, str], authority: Authority, find: Find
) -> None:
    old = authority.server()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with ScriptedServer({"AUTH": "535 5.7.8 No"}, tls="tls", certificate=old) as server:
        settings = with_password(server, security="tls", tls_minimum=present, timeout=1)
        assert find(settings, tls_minimum="1.2").values == values


def test_a_connection_is_tried_whatever_else_a_plugin_would_change(
    smtp: Callable[..., TransportSettings], find: Find
) -> None:
    settings = smtp({25: {"mechanisms": ""}, 2525: {"tls": "starttls"}}, security="starttls")
    fix = {"port": "2525", "timeout": "60", "authentication": "password"}
    assert find(replace(settings, authentication="none"), **fix) == Fix(fix, verified=True)


def test_encryption_is_never_switched_off(scripted: Callable[..., ScriptedServer], find: Find) -> None:
    server = scripted()
    assert find(with_password(server, security="starttls"), security="none").values == {}


def test_other_values_are_offered_without_a_trial(scripted: Callable[..., ScriptedServer], find: Find) -> None:
    server = scripted({"MAIL": "550 Not from there"})
    assert find(settings_for(server), mail_from="mail@acme.example") == Fix({"mail_from": "mail@acme.example"})
    assert server.connections == 1


@pytest.mark.parametrize("reply", ["534 5.7.9 Application-specific password required", "454 4.7.0 Try again later"])
def test_a_refusal_is_not_taken_for_a_wrong_port(
    reply: str, scripted: Callable[..., ScriptedServer], find: Find
) -> None:
    server = scripted({"AUTH": reply}, tls="tls")
    assert find(with_password(server, security="tls")) == Fix()
    assert server.connections == 1


def test_a_fix_without_a_sensible_port_is_not_offered(scripted: Callable[..., ScriptedServer], find: Find) -> None:
    server = scripted({"MAIL": "530 Another port please"})
    for port in ("smtp", "99999999999", "-1"):
        assert find(settings_for(server), port=port).values == {}


@pytest.mark.parametrize(
    ("username", "mail_from", "accepted", "values"),
    [
        ("ada@example.org", "x@example.net", "ada", {"username": "ada"}),
        ("ada", "Mailroom <x@example.net>", "ada@example.net", {"username": "ada@example.net"}),
        ("ada", "x@example.net", "", {}),
    ],
)
def test_a_user_name_with_and_without_its_domain_is_tried_over_tls(
    username: str, mail_from: str, accepted: str, values: dict[str, str], authority: Authority, find: Find
) -> None:
    with AccountServer(accepted, authority) as server:
        settings = settings_for(server, security="tls", authentication="password", mail_from=mail_from)
        found = find(replace(settings, username=username, secrets={"password": "secret"}))
        assert found == Fix(values, verified=bool(values))
        assert len(server.names) == 2


def test_another_mechanism_is_tried_where_one_refuses_the_password(
    scripted: Callable[..., ScriptedServer], find: Find
) -> None:
    server = scripted({"AUTH PLAIN": "535 5.7.8 No"}, tls="tls")
    settings = replace(with_password(server, security="tls"), username="", mail_from="x@example.org")
    assert find(settings) == Fix({"mechanism": "LOGIN"}, verified=True)


def test_nothing_is_tried_with_credentials_over_an_unencrypted_connection(
    scripted: Callable[..., ScriptedServer], find: Find
) -> None:
    server = scripted({"AUTH": "535 5.7.8 No"})
    assert find(with_password(server)) == Fix()
    assert server.commands.count("AUTH") == 1


@pytest.mark.parametrize(
    ("reply", "values"), [("550 5.7.25 No PTR", {"address_family": "ipv4"}), ("550 5.1.1 No such user", {})]
)
def test_the_other_address_family_is_tried_where_the_server_refuses_one(
    reply: str, values: dict[str, str], find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookup = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda _host, port, **kind: lookup("::1", port, **kind) + lookup("127.0.0.1", port, **kind),
    )
    with ScriptedServer() as v4, ScriptedServer({"RCPT": reply}, address="::1", port=v4.port):
        found = find(settings_for(v4))
    assert found == Fix(values, verified=bool(values))


class AccountServer(ScriptedServer):
    """A server that knows one account; `names` are those that tried."""

    def __init__(self, account: str, authority: Authority) -> None:
        self.account, self.names = account, list[str]()
        super().__init__(tls="tls", certificate=authority.server(), mechanisms="PLAIN")

    def reply_at(self, point: str) -> Reply | None:
        """Look at the last sign-in."""
        if point != "AUTH PLAIN":
            return super().reply_at(point)
        _nothing, name, _password = b64decode(self.received[-1].rpartition(" ")[2]).decode().split("\0")
        self.names.append(name)
        return None if name == self.account else "535 5.7.8 Bad credentials"
