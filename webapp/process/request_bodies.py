"""Read request bodies whole before the application sees them, so that slow clients only block themselves."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from io import BytesIO
from typing import Any

from webapp.core.config import MAX_REQUEST_SIZE
from webapp.core.rate_limits import network

Wsgi = Callable[..., Iterable[bytes]]


class RequestBodyBuffer:
    """WSGI middleware for Granian, which blocks one of our threads for as long as a client takes to send a body.

    At most three quarters of the threads may wait for bodies, so that pages are still served, and at most a
    third of those for one network, so that one client cannot disable the forms of all others. A read is never
    abandoned: if Granian (2.8) is answered during a read, all its threads hang until the client disconnects.
    A body shorter than declared is refused. So is a chunked one, which no browser sends, because Granian does
    not tell whether it was complete.
    """

    def __init__(self, app: Wsgi, threads: int) -> None:
        self._app = app
        self._max_waiting = max(1, threads * 3 // 4)
        self._max_per_network = max(1, self._max_waiting // 3)
        self._waiting: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer the request, or refuse it."""
        refusal = self._read_body(environ)
        return _refuse(start_response, refusal) if refusal else self._app(environ, start_response)

    def _read_body(self, environ: dict[str, Any]) -> HTTPStatus | None:
        """Replace the input stream with one that has arrived whole; return a status to refuse the request with."""
        if "HTTP_TRANSFER_ENCODING" in environ:
            return HTTPStatus.LENGTH_REQUIRED
        declared = int(environ.get("CONTENT_LENGTH") or 0)
        # The application refuses a body that is too large, and has a page for it.
        if declared == 0 or declared > MAX_REQUEST_SIZE:
            return None
        with self._slot(network(environ.get("REMOTE_ADDR", ""))) as free:
            if not free:
                return HTTPStatus.SERVICE_UNAVAILABLE
            body = environ["wsgi.input"].read(declared)
        if len(body) != declared:
            return HTTPStatus.BAD_REQUEST
        environ["wsgi.input"] = BytesIO(body)
        return None

    @contextmanager
    def _slot(self, client: str) -> Iterator[bool]:
        """Count a network's body as waiting while it arrives; yield whether there was room for it."""
        with self._lock:
            free = self._waiting.total() < self._max_waiting and self._waiting[client] < self._max_per_network
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
