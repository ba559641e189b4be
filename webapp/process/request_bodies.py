"""Requests arrive whole before the application sees them: slow clients wait alone."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from io import BytesIO
from typing import Any

from webapp.core.rate_limits import network
from webapp.web.security import MAX_REQUEST_SIZE

Wsgi = Callable[..., Iterable[bytes]]


class RequestBodyBuffer:
    """WSGI middleware for Granian, which waits for a body for as long as the client likes, in a thread of ours.

    Here at most three quarters of the threads wait for one, so that pages are answered meanwhile, and
    at most a third of those for one client, so that it turns off no form for all others. No body is
    given up: answered during a read, Granian (2.8) stands still with all its threads until the client
    hangs up. A body that ends early is refused, not taken for a short one; so is one in chunks, which
    no browser sends, as Granian tells not whether it ended early.
    """

    def __init__(self, app: Wsgi, threads: int) -> None:
        self._app = app
        self._places = max(1, threads * 3 // 4)
        self._share = max(1, self._places // 3)
        self._waiting: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer the request, or refuse it."""
        refusal = self._take_in(environ)
        return _refuse(start_response, refusal) if refusal else self._app(environ, start_response)

    def _take_in(self, environ: dict[str, Any]) -> HTTPStatus | None:
        """Put the whole body in place of the one on its way; why not, if it is refused."""
        if "HTTP_TRANSFER_ENCODING" in environ:
            return HTTPStatus.LENGTH_REQUIRED
        declared = int(environ.get("CONTENT_LENGTH") or 0)
        # One that is too large is refused by the application, which has a page for it.
        if declared == 0 or declared > MAX_REQUEST_SIZE:
            return None
        with self._place(network(environ.get("REMOTE_ADDR", ""))) as place:
            if not place:
                return HTTPStatus.SERVICE_UNAVAILABLE
            body = environ["wsgi.input"].read(declared)
        if len(body) != declared:
            return HTTPStatus.BAD_REQUEST
        environ["wsgi.input"] = BytesIO(body)
        return None

    @contextmanager
    def _place(self, client: str) -> Iterator[bool]:
        """A place for a client's body while it arrives; whether there was one."""
        with self._lock:
            free = self._waiting.total() < self._places and self._waiting[client] < self._share
            self._waiting[client] += free
        try:
            yield free
        finally:
            with self._lock:
                self._waiting[client] -= free
                if not self._waiting[client]:
                    del self._waiting[client]


def _refuse(start_response: Callable[..., Any], status: HTTPStatus) -> Iterable[bytes]:
    text = f"{status.value} {status.phrase}"
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Connection", "close"), ("Cache-Control", "no-store")]
    start_response(text, [*headers, ("Retry-After", "5")] if status == HTTPStatus.SERVICE_UNAVAILABLE else headers)
    return [f"{text}\n".encode()]
