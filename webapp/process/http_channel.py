"""What waitress does not do with a request by itself: refuse doubtful framing, and word a refusal for people."""

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask

from webapp.web.security import plain_text_headers

# By status, for the refusals that people meet; all others are about their client.
TEXTS = {
    413: "Form too large. Mailroom did not read it. Shorten the text and submit it again.",
    431: "Your browser sent too much with its request. Delete the cookies of this site and open the page again.",
}


class StrictParser(HTTPRequestParser):
    """Refuses a request whose end a proxy may see elsewhere (RFC 9112, 6.1 and 6.3)."""

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the header. Raises ParsingError."""
        super().parse_header(header_plus)
        # Where Transfer-Encoding is understood, `chunked` is set in place of the header.
        if "TRANSFER_ENCODING" in self.headers or (self.chunked and "CONTENT_LENGTH" in self.headers):
            raise ParsingError("The length of the body is ambiguous.")


class Refusal(ErrorTask):
    """The answer to a request that does not reach the application."""

    def execute(self) -> None:
        """Send it, and close the connection."""
        error = self.request.error
        body = f"{TEXTS.get(error.code, error.reason)}\n".encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers = plain_text_headers(body)
        self.set_close_on_finish()
        self.write(body)


class Channel(HTTPChannel):
    """A connection."""

    parser_class = StrictParser
    error_task_class = Refusal
