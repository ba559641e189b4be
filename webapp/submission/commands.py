"""The commands that decide something. aiosmtpd has the loop that reads them, STARTTLS, RSET, NOOP and QUIT."""

from collections.abc import Awaitable
from typing import cast

import structlog
from aiosmtpd.smtp import MISSING, Envelope, Session

from webapp.core import clock
from webapp.outbox.submissions.senders import SenderNotAllowed, require_allowed
from webapp.outbox.submissions.service import Handed
from webapp.submission import limits, paths, refusals, trace
from webapp.submission.authentication import Credentials, read_credentials
from webapp.submission.clients import Client
from webapp.submission.connection import Connection
from webapp.submission.replies import UNAVAILABLE, Refusal
from webapp.submission.stream import Content, too_big

BODIES = ("", "7BIT", "8BITMIME")
FORBIDDEN = Refusal("protocol", "521 5.5.1 This is a mail server; connect with SMTP")

log = structlog.get_logger(__name__)


class Conversation(Connection):
    """A connection with its commands. aiosmtpd finds them by their names, `smtp_…`."""

    async def smtp_HELO(self, hostname: str) -> None:
        """Greet an old client, which can't authenticate."""
        await self._greet(hostname, extended=False)

    async def smtp_EHLO(self, hostname: str) -> None:
        """Greet a client and say what it may use."""
        await self._greet(hostname, extended=True)

    async def _greet(self, hostname: str, extended: bool) -> None:
        if not hostname:
            await self.push("501 5.5.4 Write EHLO and the name of your host")
            return
        self.envelope = Envelope()
        self._said.extended_smtp, self._said.host_name = extended, hostname
        lines = [self._door.hostname]
        if extended:
            lines += ["PIPELINING", f"SIZE {self._door.max_size}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
            if self._offers_tls:
                lines.append("STARTTLS")
            if self._offers_authentication:
                lines.append("AUTH PLAIN LOGIN")
        # Without enhanced codes (RFC 2034, 4).
        await self.push("\r\n".join([*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}"]).encode())

    @property
    def _offers_tls(self) -> bool:
        return self._door.tls is not None and not self._secure

    @property
    def _offers_authentication(self) -> bool:
        return self._secure or limits.is_loopback(self._address)

    async def smtp_STARTTLS(self, arg: str) -> None:
        """Begin TLS; aiosmtpd does it."""
        self._guard.replied()
        if self._secure:
            await self.push("503 5.5.1 The connection is encrypted already")
            return
        await super().smtp_STARTTLS(arg)

    async def smtp_AUTH(self, arg: str) -> None:
        """Authenticate the client as an application (RFC 4954)."""
        await self._run(self._auth(arg))

    async def _auth(self, arg: str) -> str:
        self._require_greeting()
        if not self._offers_authentication:
            raise Refusal("encryption", f"538 5.7.11 {self._way_to_authenticate}")
        if self._client or self._draft.mail_from is not None:
            raise Refusal("sequence", "503 5.5.1 Authenticate once, before MAIL")
        given = await read_credentials(arg, self._challenge)
        if given is None:
            # aiosmtpd has replied.
            return ""
        self._accept(await self._checked(given))
        self._credentials = given
        return "235 2.7.0 Authenticated"

    async def _challenge(self, text: str) -> bytes | None:
        try:
            answer = await self.challenge_auth(text)
        except ValueError as error:  # of asyncio, for a line that is too long
            raise Refusal("syntax", "500 5.5.6 The answer is too long") from error
        return None if answer is MISSING else answer

    async def _checked(self, given: Credentials) -> Client:
        try:
            return await self._door.clients.authenticate(given.identifier, given.secret, self._address)
        except Refusal as refusal:
            self._failures += refusal.reason != UNAVAILABLE
            if self._failures >= limits.MAX_FAILURES:
                self._end(Refusal("", "421 4.7.0 Too many wrong secrets on this connection"))
            raise

    def _accept(self, client: Client) -> None:
        self._client, self._let_in_until = client, self.loop.time() + limits.LET_IN
        if self._deadline:
            self._deadline.cancel()

    async def smtp_MAIL(self, arg: str | None) -> None:
        """Begin an email."""
        await self._run(self._mail(arg))

    async def _mail(self, arg: str | None) -> str:
        self._require_greeting()
        client = await self._require_client()
        if self._draft.mail_from is not None:
            raise Refusal("sequence", "503 5.5.1 Another email has begun; RSET drops it")
        path = paths.parse("FROM", arg)
        self._read_parameters(path.parameters)
        sender = paths.valid(path.address, "5.1.7") if path.address else ""
        if sender:
            await self._require_allowed(client, sender)
        self._draft.mail_from = sender
        return "250 2.1.0 Sender accepted"

    def _read_parameters(self, parameters: dict[str, str]) -> None:
        size = parameters.pop("SIZE", "0")
        if not (size.isascii() and size.isdigit()) or len(size) > 20:
            raise Refusal("syntax", "501 5.5.4 SIZE must be a number of bytes")
        if int(size) > self._door.max_size:
            raise too_big(self._door.max_size)
        if parameters.pop("BODY", "").upper() not in BODIES:
            raise Refusal("syntax", "501 5.5.4 BODY must be 7BIT or 8BITMIME")
        if parameters.pop("SMTPUTF8", ""):
            raise Refusal("syntax", "501 5.5.4 SMTPUTF8 takes no value")
        # Of who wrote it first (RFC 4954, 5), which a server needn't believe.
        parameters.pop("AUTH", "")
        paths.none_left(parameters)

    async def _require_allowed(self, client: Client, sender: str) -> None:
        try:
            require_allowed([sender], client.senders)
        except SenderNotAllowed:
            # What is known may be old; the application may also be allowed more since.
            try:
                require_allowed([sender], await self._door.clients.allowed_senders(client))
            except SenderNotAllowed as error:
                raise refusals.of(error) from error

    async def smtp_RCPT(self, arg: str | None) -> None:
        """Add a recipient."""
        await self._run(self._recipient(arg))

    async def _recipient(self, arg: str | None) -> str:
        self._require_greeting()
        if self._draft.mail_from is None:
            raise Refusal("sequence", "503 5.5.1 MAIL comes first")
        path = paths.parse("TO", arg)
        paths.none_left(path.parameters)
        address = paths.valid(path.address, "5.1.3")
        if len(self._draft.rcpt_tos) >= limits.MAX_RECIPIENTS:
            most = f"{limits.MAX_RECIPIENTS} recipients"
            raise Refusal("recipients", f"452 4.5.3 At most {most} fit in one email; send it again to the others")
        self._draft.rcpt_tos.append(address)
        return "250 2.1.5 Recipient accepted"

    async def smtp_DATA(self, arg: str | None) -> None:
        """Take the content of the email, and store it."""
        await self._run(self._data(arg))

    async def _data(self, arg: str | None) -> str:
        self._guard.replied()
        self._require_greeting()
        if arg:
            raise Refusal("syntax", "501 5.5.4 DATA takes no value")
        envelope, client = self._draft, self._client
        if not envelope.rcpt_tos or client is None:
            raise Refusal("sequence", "503 5.5.1 MAIL and at least one accepted RCPT come first")
        content = self._content = Content(self._door.max_size, self._door.budget)
        self._complete = self.loop.create_future()
        try:
            await self.push("354 End the email with a dot alone on a line")
            await self._complete
            public_id = await self._store(client, envelope, content.finished())
        finally:
            content.close()
            self._complete, self.envelope = None, Envelope()
        return f"250 2.0.0 Accepted as {public_id}"

    async def _store(self, client: Client, envelope: Envelope, content: bytes) -> str:
        line = trace.received(self._door.hostname, client.identifier, self._secure, clock.now())
        handed = Handed(envelope.mail_from or "", envelope.rcpt_tos, content, trace=line)
        return await self._door.committer.store(client.application_id, handed)

    async def smtp_VRFY(self, arg: str) -> None:
        """Say nothing about addresses."""
        await self.push("252 2.5.0 Addresses aren't verified; send the email")

    async def smtp_HELP(self, arg: str) -> None:
        """Point to the manual."""
        await self.push("214 2.0.0 See docs/submission.md")

    async def smtp_GET(self, arg: str) -> None:
        """End the connection: it is a browser's, in which somebody else may have written commands."""
        self._end(FORBIDDEN)

    smtp_POST = smtp_PUT = smtp_CONNECT = smtp_OPTIONS = smtp_HEAD = smtp_GET

    async def _run(self, command: Awaitable[str]) -> None:
        try:
            reply = await command
        except Refusal as refusal:
            self._count(refusal)
            reply = refusal.reply
        if reply:
            await self.push(reply)
        if self._door.stopping:
            self.stop()

    def _require_greeting(self) -> None:
        if not self._said.host_name:
            raise Refusal("sequence", "503 5.5.1 EHLO comes first")

    async def _require_client(self) -> Client:
        """Return the client's application, if it is still let in. Raises Refusal."""
        if self._client and self.loop.time() < self._let_in_until:
            return self._client
        self._client = None
        given = self._credentials
        client = await (self._checked(given) if given else self._door.clients.trusted(self._address))
        if client is None:
            raise Refusal("anonymous", f"530 5.7.0 {self._way_to_authenticate}")
        self._accept(client)
        return client

    @property
    def _way_to_authenticate(self) -> str:
        if self._offers_authentication:
            return "Authenticate first, with the identifier and the secret of an application"
        if self._door.tls:
            return "Use STARTTLS, then authenticate"
        return "Mailroom has no TLS certificate here, so only programs on its own machine can authenticate"

    @property
    def _said(self) -> Session:
        """What the client has said of itself."""
        return cast(Session, self.session)

    @property
    def _draft(self) -> Envelope:
        """The envelope of the email that is being handed in."""
        return cast(Envelope, self.envelope)
