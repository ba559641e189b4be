"""Keep threads free: requests that wait for something must not keep the others from being answered."""

import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from werkzeug.wsgi import ClosingIterator

from webapp.web.cookies import WITHOUT_SESSION
from webapp.web.csrf import SAFE_METHODS
from webapp.web.security import refusal

Wsgi = Callable[..., Iterable[bytes]]
# Seconds that a request waits for its turn; it does so in one of the threads that are kept free.
PATIENCE = 0.25
# Sent to the browser, in seconds.
RETRY_AFTER = 5
TEXT = b"Mailroom is very busy. Nothing was changed. Go back and try again in a few seconds.\n"


class Admission:
    """WSGI middleware that refuses requests with 503 while too many others are being answered.

    Requests that may change something, and so may wait for a lock, for password hashing or for a mail server, get
    three quarters of the threads; all requests together leave an eighth to the health checks.
    """

    def __init__(self, app: Wsgi, threads: int) -> None:
        self._app = app
        self._most_changes = max(1, threads * 3 // 4)
        self._most = max(self._most_changes, threads - max(1, threads // 8))
        self._changes = self._all = 0
        self._turn = threading.Condition()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer the request, or refuse it."""
        if environ["PATH_INFO"] in WITHOUT_SESSION:
            return self._app(environ, start_response)
        changes = environ["REQUEST_METHOD"] not in SAFE_METHODS
        with self._turn:
            if not self._turn.wait_for(lambda: self._has_room(changes), PATIENCE):
                return _refuse(environ["PATH_INFO"], start_response)
            self._count(changes, 1)
        try:
            response = self._app(environ, start_response)
        except BaseException:
            self._leave(changes)
            raise
        return ClosingIterator(response, lambda: self._leave(changes))

    def _has_room(self, changes: bool) -> bool:
        return self._all < self._most and not (changes and self._changes >= self._most_changes)

    def _leave(self, changes: bool) -> None:
        with self._turn:
            self._count(changes, -1)
            self._turn.notify_all()

    def _count(self, changes: bool, number: int) -> None:
        self._all += number
        self._changes += number * changes


def _refuse(path: str, start_response: Callable[..., Any]) -> Iterable[bytes]:
    status = HTTPStatus.SERVICE_UNAVAILABLE
    body, headers = refusal(path, status, TEXT)
    start_response(f"{status.value} {status.phrase}", [*headers, ("Retry-After", str(RETRY_AFTER))])
    return [body]
