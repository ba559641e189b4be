"""A real mail server on loopback that keeps the emails it receives."""

import asyncio
import re
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any, Literal
from weakref import WeakSet

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.certificates import Authority
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.mail.models import MailServer

Security = Literal["starttls", "tls", "none"]
USERNAME = "mailroom@mailroom.example"
PASSWORD = "a mail password, ünïcode"
SENDER = "Mailroom <mailroom@mailroom.example>"


class Mail(EmailMessage):
    """One email as it arrived, with its envelope."""

    mail_from: str
    rcpt_to: list[str]
    mail_options: list[str]
    # The client's EHLO name, user name and TLS version.
    client_name: str
    username: str | None
    tls_version: str | None

    @property
    def text(self) -> str:
        """The plain text."""
        return self._part("plain")

    @property
    def html(self) -> str:
        """The HTML."""
        return self._part("html")

    @property
    def link(self) -> str:
        """The one-time link in the text."""
        purposes = "activate|reset-password|confirm-address|restore-address|round-trip"
        found = re.search(rf"https?://\S+/(?:{purposes})/[\w-]+", self.text)
        assert found, f"no link in:\n{self.text}"
        return found[0]

    @property
    def code(self) -> str:
        """The code in the text."""
        found = re.search(r"^[0-9A-Z]{4}-[0-9A-Z]{4}(?=\r?$)", self.text, re.MULTILINE)
        assert found, f"no code in:\n{self.text}"
        return found[0]

    def _part(self, kind: Literal["plain", "html"]) -> str:
        part = self.get_body((kind,))
        assert part is not None, f"no {kind} part"
        return str(part.get_content())


class Inbox:
    """The server. `security` is as in the settings; without a `username` it requires no authentication."""

    host = "localhost"

    def __init__(
        self, tls: ssl.SSLContext, security: Security = "starttls", username: str = USERNAME, password: str = PASSWORD
    ) -> None:
        self.security, self.username, self.password = security, username, password
        self.messages: list[Mail] = []
        # Replies to the next emails instead of accepting them, such as "451 4.7.1 later"; LINK stands for the link.
        self.refusals: list[str] = []
        self._tls = tls
        self._connections: WeakSet[SMTP] = WeakSet()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="inbox", daemon=True)
        self._thread.start()
        # Created in the loop's own thread: the calling one may already run a loop, as Playwright's does.
        listening = self._loop.create_server(self._accepted, "127.0.0.1", 0, ssl=tls if security == "tls" else None)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result(10)
        self.port: int = self._server.sockets[0].getsockname()[1]

    @property
    def last(self) -> Mail:
        """The newest email."""
        assert self.messages, "the inbox is empty"
        return self.messages[-1]

    def wait(self, number: int, seconds: float = 30) -> list[Mail]:
        """Wait until another process has sent `number` emails, and return them."""
        deadline = time.monotonic() + seconds
        while len(self.messages) < number and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(self.messages) >= number, f"{len(self.messages)} emails after {seconds} s, not {number}"
        return self.messages

    def save_to(self, state: AppState) -> None:
        """Save this as the application's mail server."""
        with state.database.transaction() as session:
            session.add(self.row(state))

    def row(self, state: AppState) -> MailServer:
        """Return the settings for this server."""
        sealed = state.sealer.seal(self.password, "mail_server.password")
        return MailServer(
            position=0,
            name="Custom",
            provider="custom",
            mail_from=SENDER,
            host=self.host,
            port=self.port,
            security=self.security,
            authentication="password" if self.username else "none",
            username=self.username,
            sealed_secrets={"password": {"sealed": sealed, "saved_at": "2026-11-22T00:00:00+00:00"}}
            if self.username
            else {},
            updated_at=clock.now(),
        )

    def close(self) -> None:
        """Stop listening and drop every connection."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _accepted(self) -> SMTP:
        connection = self._connection()
        self._connections.add(connection)
        return connection

    def _connection(self) -> SMTP:
        return SMTP(
            Handler(self),
            hostname="inbox.example",
            enable_SMTPUTF8=True,
            tls_context=self._tls if self.security == "starttls" else None,
            require_starttls=self.security == "starttls",
            # aiosmtpd doesn't recognise implicit TLS.
            auth_require_tls=self.security == "starttls",
            authenticator=self._check,
            loop=self._loop,
        )

    def _check(self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any) -> AuthResult:
        assert isinstance(given, LoginPassword)
        right = (given.login, given.password) == (self.username.encode(), self.password.encode())
        return AuthResult(success=right, handled=False, auth_data=given.login.decode())

    async def _stop(self) -> None:
        self._server.close()
        # A worker may keep its connections open for longer than the test lasts.
        for connection in self._connections:
            if isinstance(connection.transport, asyncio.WriteTransport):
                connection.transport.abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._server.wait_closed()


class Handler:
    """Called by aiosmtpd, which defines the names and inspects every attribute."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.inbox.username and not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.inbox.refusals:
            refusal = self.inbox.refusals.pop(0)
            return refusal.replace("LINK", _mail(session, envelope).link) if "LINK" in refusal else refusal
        self.inbox.messages.append(_mail(session, envelope))
        return "250 2.0.0 OK"


@contextmanager
def running_inbox(
    authority: Authority, security: Security = "starttls", until: datetime | None = None, **given: str
) -> Iterator[Inbox]:
    """Run an inbox until the end of the block; its certificate is valid `until` then."""
    inbox = Inbox(authority.server(until=until), security, **given)
    try:
        yield inbox
    finally:
        inbox.close()


def _mail(session: Session, envelope: Envelope) -> Mail:
    assert isinstance(envelope.content, bytes)
    mail = BytesParser(Mail, policy=policy.default).parsebytes(envelope.content)
    assert isinstance(mail, Mail)
    mail.mail_from, mail.rcpt_to = envelope.mail_from or "", list(envelope.rcpt_tos)
    mail.mail_options = list(envelope.mail_options)
    mail.client_name = session.host_name or ""
    mail.username = session.auth_data if session.authenticated else None
    mail.tls_version = session.ssl["ssl_object"].version() if session.ssl else None
    return mail
