"""Attacks sent directly and through nginx, Caddy and HAProxy."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import psutil
import pytest

from tests.support.echo_server import EchoServer, running_echo_server
from tests.support.reverse_proxies import PROXIES, running_proxy
from tests.support.running import until

# The client; the proxies connect from 127.0.0.1, which is trusted.
CLIENT = "127.0.0.9"
SPOOFED = "6.6.6.6"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EchoServer]:
    """A server that trusts proxies on 127.0.0.1."""
    with running_echo_server(tmp_path_factory.mktemp("echo")) as server:
        yield server


@pytest.fixture(scope="module", params=["direct", *PROXIES])
def front(
    request: pytest.FixtureRequest, server: EchoServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EchoServer]:
    """What clients talk to: the server itself, or a proxy in front of it."""
    if request.param == "direct":
        yield Client(server.process, server.address, server.log)
        return
    with running_proxy(request.param, server.address[1], tmp_path_factory.mktemp(request.param)) as port:
        yield Client(server.process, ("127.0.0.1", port), server.log)


class Client(EchoServer):
    """A client with an address of its own."""

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=30, source_address=(CLIENT, 0))


@pytest.mark.parametrize("dummies", [0, 3, 8])
@pytest.mark.parametrize(
    "names",
    [
        ("X_Forwarded_For",),
        ("X-Forwarded-For", "X_Forwarded_For"),
        ("x_forwarded-for", "X-FORWARDED-FOR", "X-Forwarded_For"),
    ],
)
def test_a_client_cannot_choose_its_address(front: Client, names: tuple[str, ...], dummies: int) -> None:
    lines = [*(f"{name}: {SPOOFED}" for name in names), *(f"X-Dummy-{n}: {n}" for n in range(dummies))]
    for order in (lines, lines[::-1]):
        assert front.ask(*order, start="GET / HTTP/1.1")[1]["address"] == CLIENT


def test_a_chunked_body_arrives_whole(front: Client) -> None:
    chunks = b"6\r\nemail=\r\n3\r\nada\r\n0\r\n\r\n"
    assert front.ask("Transfer-Encoding: chunked", body=chunks)[1]["body"] == "email=ada"


def test_bodies_that_stall_keep_no_connection_behind_a_proxy(front: Client, server: EchoServer) -> None:
    if front.address == server.address:
        pytest.skip("no proxy")
    accepted = psutil.Process(server.process.pid).net_connections
    before = len(accepted())
    with ExitStack() as stack:
        for _ in range(20):
            client = stack.enter_context(front.connect())
            client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nemail=")
        time.sleep(1)
        # Sooner than Mailroom itself would close them.
        until(lambda: len(accepted()) <= before, 20)
    assert front.ask("Content-Length: 9", body=b"email=ada")[1]["body"] == "email=ada"


def test_a_request_with_two_lengths_is_never_taken_for_two(front: Client) -> None:
    hidden = b"GET /private HTTP/1.1\r\nHost: localhost\r\n\r\n"
    head = "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\nTransfer-Encoding: chunked"
    answer = front.send(f"{head.format(5 + len(hidden))}\r\n\r\n".encode() + b"0\r\n\r\n" + hidden)
    assert (answer.count(b"HTTP/1.1 "), b"the private page" in answer) == (1, False)


@pytest.mark.parametrize(
    "path", ["//private", "/%2fprivate", "/./private", "/x/../private", "/%70rivate", "/x/%2e%2e/private", "/\\private"]
)
def test_the_rules_of_a_proxy_for_a_path_hold_however_it_is_written(front: Client, path: str) -> None:
    status, text = front.ask(start=f"GET {path} HTTP/1.1")
    assert (400 <= status < 500, "the private page" in text) == (True, False)
