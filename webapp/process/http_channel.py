"""What waitress does not do with a request by itself: refuse doubtful framing, and word a refusal for people."""

from copy import copy
from http import HTTPStatus
from weakref import WeakSet

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask

from webapp.core.config import MAX_UPLOAD_SIZE
from webapp.web.problems import API_PREFIX, RETRY_AFTER
from webapp.web.security import refusal

# By status, for the refusals that people meet; all others are about their client.
TEXTS = {
    413: "Form too large. Mailroom did not read it. Shorten the text and submit it again. If it is a file of at most"
    f" {MAX_UPLOAD_SIZE // 1024**2} MB, others are being uploaded: try again in a minute.",
    431: "Your browser sent too much with its request. Delete the cookies of this site and open the page again.",
}


class Uploads:
    """Which requests may be as large as an upload: those to some paths, and few at once.

    Strangers can send them too, before the application turns them away, so their files must not fill the disk.
    """

    most = 8

    def __init__(self, paths: frozenset[str]) -> None:
        self._paths = paths
        self._current: WeakSet[HTTPRequestParser] = WeakSet()

    def admit(self, request: HTTPRequestParser) -> bool:
        """Raise the limit of this request if it is one of them. Return False if it must wait for others to finish."""
        if request.path not in self._paths:
            return True
        if len(self._current) >= self.most:
            return False
        self._current.add(request)
        # Waitress's settings are shared by all requests.
        request.adj = copy(request.adj)
        request.adj.max_request_body_size = 2 * MAX_UPLOAD_SIZE
        return True


class StrictParser(HTTPRequestParser):
    """Refuses a request whose end a proxy may see elsewhere (RFC 9112, 6.1 and 6.3)."""

    # Set when the server is created, of which a process has one.
    uploads = Uploads(frozenset())
    # Whether it was refused as too large only because others of its size are being received.
    is_crowded = False

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the header. Raises ParsingError."""
        super().parse_header(header_plus)
        # Where Transfer-Encoding is understood, `chunked` is set in place of the header.
        if "TRANSFER_ENCODING" in self.headers or (self.chunked and "CONTENT_LENGTH" in self.headers):
            raise ParsingError("The length of the body is ambiguous.")
        if self.chunked or self.content_length >= self.adj.max_request_body_size:
            self.is_crowded = not self.uploads.admit(self)


class Refusal(ErrorTask):
    """The answer to a request that does not reach the application."""

    def execute(self) -> None:
        """Send it, and close the connection."""
        error, path = self.request.error, getattr(self.request, "path", "")
        status = HTTPStatus(error.code)
        if path.startswith(API_PREFIX) and self.request.is_crowded:
            status = HTTPStatus.SERVICE_UNAVAILABLE
        body, headers = refusal(path, status, f"{TEXTS.get(error.code, error.reason)}\n".encode())
        self.status, self.response_headers = f"{status.value} {status.phrase}", headers
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            headers.append(("Retry-After", str(RETRY_AFTER[status])))
        self.set_close_on_finish()
        self.write(body)


class Channel(HTTPChannel):
    """A connection."""

    parser_class = StrictParser
    error_task_class = Refusal
