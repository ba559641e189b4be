"""The web server on the wire: what reaches the application, what is refused, and how it stops."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.echo_server import EchoServer, running_echo_server
from tests.support.running import until
from webapp.core.config import MAX_REQUEST_SIZE
from webapp.process.http_channel import Uploads

GET = "GET / HTTP/1.1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EchoServer]:
    """A server for the tests that leave it as it was."""
    with running_echo_server(tmp_path_factory.mktemp("echo")) as server:
        yield server


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[EchoServer]:
    """A server for one test."""
    with running_echo_server(tmp_path) as server:
        yield server


@pytest.mark.parametrize("dummies", [0, 1, 5, 9])
@pytest.mark.parametrize("name", ["X_Forwarded_For", "X_FORWARDED_FOR", "x-forwarded_for"])
def test_a_header_with_an_underscore_never_stands_for_one_with_a_hyphen(
    server: EchoServer, name: str, dummies: int
) -> None:
    lines = ["X-Forwarded-For: 203.0.113.7", f"{name}: 6.6.6.6", *(f"X-Dummy-{n}: {n}" for n in range(dummies))]
    for order in (lines, lines[::-1]):
        assert server.ask(*order, start=GET)[1]["headers"]["HTTP_X_FORWARDED_FOR"] == "203.0.113.7"


def test_headers_of_one_name_are_joined_in_order(server: EchoServer) -> None:
    lines = "X-Forwarded-For: 6.6.6.6", "x-forwarded-for: 203.0.113.7"
    assert server.ask(*lines, start=GET)[1]["headers"]["HTTP_X_FORWARDED_FOR"] == "6.6.6.6, 203.0.113.7"


def test_a_chunked_body_that_ends_early_never_reaches_the_application(server: EchoServer) -> None:
    with server.connect() as client:
        client.sendall(b"POST /slow/0.0 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nemail=\r\n")
    assert server.ask(start=GET)[0] == 200
    assert "started" not in server.log.read_text()


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 5"),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: 5, 5",),
        ("Content-Length: +5",),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding : chunked",),
        ("Transfer-Encoding: chunked\x0b",),
        ("X: y\nContent-Length: 5",),
    ],
    ids=repr,
)
def test_a_body_of_doubtful_length_is_refused_and_the_connection_closed(
    server: EchoServer, lines: tuple[str, ...]
) -> None:
    hidden = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    head = "\r\n".join(["POST / HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()
    answer = server.send(head + b"0\r\n\r\n" + hidden)
    assert (answer.count(b"HTTP/1."), answer.split()[1] in (b"400", b"501")) == (1, True)


def test_transfer_encoding_before_http_1_1_is_refused(server: EchoServer) -> None:
    answer = server.send(b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    assert answer.split()[1] == b"400"


@pytest.mark.parametrize(
    ("lines", "status", "text"),
    [
        # Exactly the limit: what is not read would reset the connection.
        (("Cookie: " + "x" * (65_536 - 29),), 431, "Delete the cookies of this site"),
        ((f"Content-Length: {3 * MAX_REQUEST_SIZE}",), 413, "Form too large"),
        (("No colon",), 400, "Bad Request"),
    ],
)
def test_a_refusal_is_worded_for_people_and_has_the_security_headers(
    server: EchoServer, lines: tuple[str, ...], status: int, text: str
) -> None:
    answer = server.send("\r\n".join(["POST / HTTP/1.1", *lines, "", ""]).encode()).decode()
    assert (answer.split()[1], text in answer, "waitress" in answer) == (str(status), True, False)
    assert "X-Content-Type-Options: nosniff" in answer


def test_only_a_page_for_uploads_gets_a_large_body(server: EchoServer) -> None:
    body, line = b"x" * (3 * MAX_REQUEST_SIZE), f"Content-Length: {3 * MAX_REQUEST_SIZE}"
    assert server.ask(line, body=body, start="POST /upload HTTP/1.1") == (200, {"size": len(body)})
    assert server.send(f"POST /slow/0.0 HTTP/1.1\r\n{line}\r\n\r\n".encode()).split()[1] == b"413"


def test_few_large_bodies_arrive_at_once(own_server: EchoServer) -> None:
    start = f"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: {3 * MAX_REQUEST_SIZE}\r\n\r\n".encode()
    with ExitStack() as stack:
        for _ in range(Uploads.most):
            stack.enter_context(own_server.connect()).sendall(start)
        own_server.ask(start=GET)
        assert own_server.send(start).split()[1] == b"413"
        by_program = own_server.send(start.replace(b"/upload", b"/api/upload"))
        assert by_program.split()[1] == b"503"
        assert b"\r\nRetry-After: 5\r\n" in by_program
        assert b"application/problem+json" in by_program
    until(lambda: b" 413 " not in _first_line(own_server, start))


def test_no_header_names_the_server(server: EchoServer) -> None:
    assert b"\r\nServer:" not in server.send(b"GET / HTTP/1.0\r\n\r\n")


def test_a_client_that_waits_for_100_continue_is_told_to(server: EchoServer) -> None:
    with server.connect() as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"ada")
        assert client.recv(100).startswith(b"HTTP/1.1 200")


def test_forty_bodies_that_stall_delay_nobody(server: EchoServer) -> None:
    with ExitStack() as stack:
        for _ in range(40):
            client = stack.enter_context(server.connect())
            client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nemail=")
        server.ask(start=GET)
        started = time.monotonic()
        assert server.ask("Content-Length: 3", body=b"ada")[1]["body"] == "ada"
        # Mailroom waits 30 s for the bodies.
        assert time.monotonic() - started < 10


def test_addresses_of_both_versions_are_served(tmp_path: Path) -> None:
    with running_echo_server(tmp_path, "::") as server:
        for host, seen in (("::1", "::1"), ("127.0.0.1", "::ffff:127.0.0.1")):
            server.address = host, server.address[1]
            assert server.ask(start=GET)[1]["address"] == seen


def test_requests_in_flight_are_answered_whole_before_it_stops(own_server: EchoServer) -> None:
    with ThreadPoolExecutor() as clients:
        pending = [clients.submit(own_server.ask, start="GET /slow/1.0 HTTP/1.1") for _ in range(3)]
        own_server.wait_for("started", times=3)
        assert own_server.stop() == 0
        assert {len(one.result()[1]) for one in pending} == {5_000_000}


def test_a_client_that_reads_slowly_still_gets_the_whole_page(own_server: EchoServer) -> None:
    with own_server.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.sendall(b"GET /slow/0.3 HTTP/1.0\r\n\r\n")
        own_server.wait_for("started")
        own_server.process.terminate()
        time.sleep(2)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert len(answer.partition(b"\r\n\r\n")[2]) == 5_000_000


def test_a_second_signal_stops_it_at_once(own_server: EchoServer) -> None:
    with ThreadPoolExecutor() as clients:
        clients.submit(own_server.ask, start="GET /slow/60.0 HTTP/1.1").add_done_callback(lambda done: done.exception())
        own_server.wait_for("started")
        started = time.monotonic()
        own_server.process.terminate()
        time.sleep(0.2)
        own_server.stop()
    assert time.monotonic() - started < 30


def test_an_error_of_the_server_is_logged_without_the_path(own_server: EchoServer) -> None:
    own_server.ask(start="GET /broken/a-secret HTTP/1.1")
    own_server.wait_for("RuntimeError: a reason")
    assert "a-secret" not in own_server.log.read_text()


def test_nobody_else_can_listen_on_its_port(own_server: EchoServer) -> None:
    with pytest.raises(OSError, match="in use"):
        socket.create_server(own_server.address, reuse_port=True)


def _first_line(server: EchoServer, start: bytes) -> bytes:
    """Send the start of a request; return the status line if it is refused, or nothing while its body is awaited."""
    with server.connect() as client:
        client.settimeout(0.3)
        client.sendall(start)
        try:
            return client.recv(100).partition(b"\r\n")[0]
        except TimeoutError:
            return b""
