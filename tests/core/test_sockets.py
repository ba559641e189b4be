"""Connections where private hosts aren't allowed: whatever leads inside is refused before a packet is sent."""

import socket
from collections.abc import Callable

import pytest

from tests.support.proxies import HttpProxy, SocksProxy
from tests.support.scripted import ScriptedServer
from webapp.core import http_client, sockets
from webapp.core.deadlines import Deadline
from webapp.core.http_client import NotSent
from webapp.core.network_errors import PrivateHost
from webapp.core.sockets import Proxy

pytestmark = pytest.mark.one_database
Scripted = Callable[..., ScriptedServer]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have the name service answer with these addresses, in turn, one for each question."""
    lookup = socket.getaddrinfo

    def names(*addresses: str) -> None:
        answers = iter(addresses)

        def ask(_host: str, port: int, **options: int) -> object:
            return lookup(next(answers), port, **options)

        monkeypatch.setattr(socket, "getaddrinfo", ask)

    return names


def test_a_host_that_is_inside_is_refused(scripted: Scripted, internet_only: None) -> None:
    server = scripted()
    with pytest.raises(PrivateHost):
        sockets.resolve(server.host, server.port, 5)
    with pytest.raises(NotSent, match="private_host"):
        http_client.get(f"http://127.0.0.1:{server.port}/", {})
    assert server.connections == 0


def test_addresses_are_checked_again_where_they_are_used(scripted: Scripted) -> None:
    server = scripted()
    addresses = sockets.resolve(server.host, server.port, 5)
    sockets.allow_private_hosts(False)
    try:
        with pytest.raises(PrivateHost):
            sockets.connect(addresses, 5)
    finally:
        sockets.allow_private_hosts(True)
    assert server.connections == 0


def test_a_name_is_not_looked_up_again_after_the_check(
    scripted: Scripted, names: Callable[..., None], internet_only: None
) -> None:
    server = scripted()
    names("192.0.2.1", "127.0.0.1")
    with pytest.raises(PrivateHost):
        sockets.resolve("rebinding.example", server.port, 5)
    names("8.8.8.8", "127.0.0.1")
    addresses = sockets.resolve("rebinding.example", server.port, 5)
    assert {one[4][0] for one in addresses} == {"8.8.8.8"}


@pytest.mark.parametrize("kind", ["http", "socks5"])
def test_a_proxy_that_is_inside_is_refused(kind: str, internet_only: None) -> None:
    with (SocksProxy if kind == "socks5" else HttpProxy)() as running, pytest.raises(PrivateHost):
        sockets.connect_through_proxy(Proxy(kind, running.host, running.port), "mail.example", 587, Deadline(5))
    assert running.targets == []


@pytest.mark.parametrize(
    "target", ["127.0.0.1", "127.1", "0x7f000001", "2130706433", "::1", "::ffff:10.0.0.1", "localhost", "a.localhost."]
)
def test_a_proxy_is_not_asked_for_what_is_inside(target: str, internet_only: None) -> None:
    with pytest.raises(PrivateHost):
        sockets.connect_through_proxy(Proxy("http", "proxy.invalid", 3128), target, 587, Deadline(5))
