"""Request bodies: read completely or refused, and slow ones block only themselves."""

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from io import BytesIO
from typing import Any

import pytest

from webapp.core.config import MAX_REQUEST_SIZE
from webapp.process.request_bodies import RequestBodyBuffer


class Stalled:
    """A body that does not arrive until `end` is set."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.end = threading.Event()

    def read(self, _size: int) -> bytes:
        self.begun.set()
        self.end.wait(10)
        return b"half"


@pytest.fixture
def stalled() -> Iterator[Stalled]:
    body = Stalled()
    yield body
    body.end.set()


def echo(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("X-Length", environ.get("CONTENT_LENGTH", ""))])
    return [environ["wsgi.input"].read()]


def ask(
    app: RequestBodyBuffer, body: Any, length: int | None = None, client: str = "192.0.2.1", **headers: str
) -> tuple[str, dict[str, str], bytes]:
    started: list[Any] = []
    declared = {} if length is None else {"CONTENT_LENGTH": str(length)}
    environ = {"wsgi.input": body, "REMOTE_ADDR": client, **declared, **headers}
    content = b"".join(app(environ, lambda status, headers: started.extend((status, dict(headers)))))
    return started[0], started[1], content


def test_a_complete_body_reaches_the_application() -> None:
    status, _, content = ask(RequestBodyBuffer(echo, threads=4), BytesIO(b"email=ada"), 9)
    assert (status, content) == ("200 OK", b"email=ada")


def test_a_chunked_body_is_refused() -> None:
    status, _, _ = ask(RequestBodyBuffer(echo, threads=4), BytesIO(b"email=ada"), HTTP_TRANSFER_ENCODING="chunked")
    assert status == "411 Length Required"


def test_a_body_that_ends_early_is_refused() -> None:
    assert ask(RequestBodyBuffer(echo, threads=4), BytesIO(b"password=ha"), 30)[0] == "400 Bad Request"


def test_a_body_that_is_too_large_reaches_the_application_unread() -> None:
    body = BytesIO(b"x")
    assert ask(
        RequestBodyBuffer(lambda _environ, start: start("413 …", []) or [], threads=4), body, MAX_REQUEST_SIZE + 1
    )
    assert body.tell() == 0


def test_pages_are_served_while_bodies_arrive(stalled: Stalled) -> None:
    app = RequestBodyBuffer(echo, threads=2)
    with ThreadPoolExecutor() as clients:
        slow = clients.submit(ask, app, stalled, 4)
        assert stalled.begun.wait(10)
        status, headers, _ = ask(app, BytesIO(b"email=ada"), 9)
        assert (status, headers["Retry-After"]) == ("503 Service Unavailable", "5")
        assert ask(app, BytesIO())[0] == "200 OK"
        stalled.end.set()
        assert slow.result(10)[0] == "200 OK"
    assert ask(app, BytesIO(b"email=ada"), 9)[0] == "200 OK"


def test_a_client_that_stalls_disables_no_forms_for_others(stalled: Stalled) -> None:
    app = RequestBodyBuffer(echo, threads=16)
    with ThreadPoolExecutor() as clients:
        slow = [clients.submit(ask, app, stalled, 4, f"2001:db8::{number}") for number in range(5)]
        assert next(as_completed(slow, 10)).result()[0] == "503 Service Unavailable"
        assert ask(app, BytesIO(b"email=ada"), 9, "2001:db8:0:1::1")[0] == "200 OK"
        stalled.end.set()
