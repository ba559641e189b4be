"""Requests that wait for something leave threads to the others."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.echo_server import EchoServer, running_echo_server

THREADS = 8


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EchoServer]:
    """A server with eight threads: six for changes, one more for pages, one for health checks."""
    with running_echo_server(tmp_path, threads=THREADS) as server:
        yield server


@contextmanager
def busy(server: EchoServer, method: str, number: int) -> Iterator[None]:
    """Keep the server busy with so many requests during the block."""
    with ThreadPoolExecutor(number) as clients:
        for _ in range(number):
            clients.submit(server.ask, start=f"{method} /slow/4.0 HTTP/1.1")
        server.wait_for("started", times=min(number, 6))
        yield


def test_pages_are_served_while_all_that_may_change_something_waits(server: EchoServer) -> None:
    with busy(server, "POST", 30):
        assert server.ask(start="GET / HTTP/1.1")[0] == 200
        status, text = server.ask("Content-Length: 3", body=b"ada")
        assert (status, "try again in a few seconds" in text) == (503, True)
    assert server.ask("Content-Length: 3", body=b"ada")[0] == 200


def test_health_checks_are_answered_whatever_waits(server: EchoServer) -> None:
    with busy(server, "GET", 7):
        server.wait_for("started", times=7)
        answer = server.send(b"GET / HTTP/1.0\r\n\r\n")
        assert (answer.split()[1], b"Retry-After: 5" in answer) == (b"503", True)
        assert b"application/problem+json" in server.send(b"GET /api/v1/status HTTP/1.0\r\n\r\n")
        assert server.ask(start="GET /healthz HTTP/1.1")[0] == 200


def test_a_request_waits_a_moment_for_its_turn(server: EchoServer) -> None:
    with ThreadPoolExecutor(THREADS) as clients:
        pending = [clients.submit(server.ask, start="POST /slow/0.1 HTTP/1.1") for _ in range(THREADS)]
        assert {one.result()[0] for one in pending} == {200}
