"""Sending through HTTP and SOCKS5 proxies."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.mail.conftest import settings_for, stages, with_password
from tests.support.proxies import ACCOUNT, HttpProxy, Proxy, SocksProxy
from tests.support.scripted import ScriptedServer
from webapp.core import sockets
from webapp.core.deadlines import Deadline
from webapp.mail.transcript import Stage
from webapp.mail.transport.connection import SmtpConnection
from webapp.mail.transport.errors import DeliveryError
from webapp.mail.transport.settings import TransportSettings

pytestmark = pytest.mark.one_database


@pytest.fixture
def silent() -> Iterator[tuple[str, int]]:
    """An address where connecting waits, because the listener's queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as waiting:
        for _ in range(3):
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        yield full.getsockname()


Scripted = Callable[..., ScriptedServer]
KINDS = [("http", HttpProxy), ("socks5", SocksProxy)]


@pytest.mark.parametrize(("kind", "proxy"), KINDS)
@pytest.mark.parametrize("account", [None, ACCOUNT])
def test_the_message_goes_through_the_proxy(
    kind: str, proxy: type[Proxy], account: tuple[str, str] | None, scripted: Scripted,
    send: Callable[[TransportSettings], SmtpConnection],
) -> None:  # fmt: skip
    server = scripted(tls="starttls")
    with proxy(account) as running:
        through = sockets.Proxy(kind, running.host, running.port, *(account or ()))
        connection = send(with_password(server, security="starttls", proxy=through))
    assert running.targets == [f"localhost:{server.port}"]
    assert stages(connection)[0] is Stage.PROXY
    assert len(server.messages) == 1


@pytest.mark.parametrize(("kind", "proxy"), KINDS)
def test_a_proxy_that_rejects_its_account_fails_at_the_proxy_stage(
    kind: str, proxy: type[Proxy], delivery_error: Callable[[TransportSettings], DeliveryError]
) -> None:
    with proxy(ACCOUNT) as running:
        error = delivery_error(
            settings_for(proxy=sockets.Proxy(kind, running.host, running.port, "proxy-user", "wrong-wrong"))
        )
    assert error.stage is Stage.PROXY
    assert "wrong-wrong" not in str(error)


@pytest.mark.parametrize("kind", ["http", "socks5"])
def test_a_mail_server_as_the_proxy_fails_in_time(
    kind: str, scripted: Scripted, delivery_error: Callable[[TransportSettings], DeliveryError]
) -> None:
    server = scripted()
    error = delivery_error(settings_for(proxy=sockets.Proxy(kind, server.host, server.port), timeout=1))
    assert error.stage is Stage.PROXY


@pytest.mark.parametrize(("kind", "answer"), [("http", b"HTTP/1.1 200 Yes"), ("socks5", b"\5\0\5\0\0\3\xff")])
def test_a_proxy_that_answers_byte_by_byte_fails_in_time(kind: str, answer: bytes, scripted: Scripted) -> None:
    server, started = scripted({"GREETING": answer + b"x" * 250}, drip=0.2), time.monotonic()
    with pytest.raises(TimeoutError):
        sockets.connect_through_proxy(sockets.Proxy(kind, server.host, server.port), "mail.example", 25, Deadline(1))
    assert time.monotonic() - started < 10


def test_what_a_proxy_sends_before_tls_is_not_trusted(
    scripted: Scripted, delivery_error: Callable[[TransportSettings], DeliveryError]
) -> None:
    server = scripted()
    with HttpProxy() as running:
        error = delivery_error(
            settings_for(server, security="tls", proxy=sockets.Proxy("http", running.host, running.port))
        )
    assert (error.stage, error.code) == (Stage.TLS, "tls_not_offered")


def test_an_unsupported_address_family_is_skipped(scripted: Scripted) -> None:
    server = scripted()
    addresses = sockets.resolve(server.host, server.port, 5)
    unknown = (9999, *addresses[0][1:])
    with sockets.connect([unknown, *addresses], 5) as sock:
        assert sock.getpeername()[1] == server.port


def test_the_error_of_an_address_with_a_route_is_the_one_that_counts() -> None:
    tcp = (socket.AF_INET, socket.SOCK_STREAM, 0, "")
    # Linux has no route to a multicast address for TCP; nothing listens on port 9.
    with pytest.raises(ConnectionRefusedError):
        sockets.connect([(*tcp, ("224.0.0.1", 9)), (*tcp, ("127.0.0.1", 9))], 5)


def test_many_silent_addresses_take_no_longer_than_one(silent: tuple[str, int]) -> None:
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        sockets.connect(sockets.resolve(*silent, 5) * 40, 1)
    assert time.monotonic() - started < 10
