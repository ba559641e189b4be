"""Requests arrive whole before the application sees them: slow clients wait alone."""

import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from io import BytesIO
from typing import Any

from webapp.security import LARGEST_REQUEST

Application = Callable[..., Iterable[bytes]]


class WholeBodies:
    """WSGI middleware for Granian, which waits for a body for as long as the client likes, in a thread of ours.

    Here at most three quarters of the threads wait for one, so that pages are answered meanwhile.
    No body is given up: answered during a read, Granian (2.8) stands still with all its threads
    until the client hangs up. A body that ends early is refused, not taken for a short one.
    """

    def __init__(self, app: Application, threads: int) -> None:
        self._app = app
        self._places = threading.BoundedSemaphore(max(1, threads * 3 // 4))

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer the request, or refuse it."""
        declared = _declared_length(environ)
        # A declared length that is too large is refused by the application, which has a page for it.
        if declared != 0 and (declared is None or declared <= LARGEST_REQUEST):
            refusal = self._take_in(environ, declared)
            if refusal is not None:
                return _refuse(start_response, refusal)
        return self._app(environ, start_response)

    def _take_in(self, environ: dict[str, Any], declared: int | None) -> HTTPStatus | None:
        if not self._places.acquire(blocking=False):
            return HTTPStatus.SERVICE_UNAVAILABLE
        try:
            body = environ["wsgi.input"].read(LARGEST_REQUEST + 1)
        finally:
            self._places.release()
        if declared is not None and len(body) != declared:
            return HTTPStatus.BAD_REQUEST
        environ["wsgi.input"] = BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        return None


def _declared_length(environ: dict[str, Any]) -> int | None:
    """The length in octets, None when the body is sent in chunks."""
    if "HTTP_TRANSFER_ENCODING" in environ:
        return None
    return int(environ.get("CONTENT_LENGTH") or 0)


def _refuse(start_response: Callable[..., Any], status: HTTPStatus) -> Iterable[bytes]:
    text = f"{status.value} {status.phrase}"
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Connection", "close"), ("Cache-Control", "no-store")]
    start_response(text, [*headers, ("Retry-After", "5")] if status == HTTPStatus.SERVICE_UNAVAILABLE else headers)
    return [f"{text}\n".encode()]
