"""Sending: the one place that opens connections to mail servers. The test is this path, observed."""

import ssl
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from email.utils import parseaddr
from types import TracebackType
from typing import Self

import flask_mail
import idna
import structlog

from webapp.core import clock
from webapp.core.sockets import connect, connect_through_proxy, resolve
from webapp.core.texts import saying
from webapp.mail.expiry.certificates import Certificate
from webapp.mail.oauth.errors import OAuthError
from webapp.mail.transcript import Stage, StageResult, Transcript
from webapp.mail.transport.errors import DeliveryError, Scope, classify_reply
from webapp.mail.transport.settings import TransportSettings
from webapp.mail.transport.smtp import SmtpClient, reply_text

log = structlog.get_logger(__name__)
# Flask-Mail's extension; its messages look up defaults in it. Its connections are not used.
mail = flask_mail.Mail()
ACCESS_TOKEN = "access_token"  # noqa: S105 -- the name of a secret
TLS_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}

NO_SUCH_SIGN_IN = saying("%(provider)s has no authentication method named %(name)s.")
PLUGIN_FAILED = saying("The plugin for %(provider)s failed: %(error)s.")
NO_SMTPUTF8 = saying("The server doesn't accept addresses with non-ASCII characters (SMTPUTF8).")
TOKEN_REFUSED = saying("The access token was rejected; requesting a new one.")
TOO_LATE = saying("The server took so long that the message expired.")


class SmtpConnection(flask_mail.Connection):
    """Flask-Mail's connection, with timeouts, verified TLS, our sign-in and a record of what was said.

    Use it as a context manager; entering connects and signs in. Raises DeliveryError.
    """

    host: SmtpClient | None

    def __init__(self, opened: TransportSettings) -> None:
        # Not the base's __init__: all it does is to keep settings that we do not have.
        self.opened = opened
        self.host = None
        # What the server showed when it was reached last.
        self.certificate: Certificate | None = None
        self.conversation = self._new_conversation()

    def __enter__(self) -> Self:
        """Connect and sign in."""
        self.host = self.configure_host()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say goodbye if the server still listens, and close."""
        if self.host is None:
            return
        try:
            if error is None:
                self.host.goodbye()
        except OSError as farewell:
            log.debug("the mail server did not say goodbye", error=str(farewell))
        finally:
            self.host.sock.close()
            self.host = None

    def configure_host(self) -> SmtpClient:
        """A client that is connected, encrypted as chosen, and signed in.

        A mail server that refuses an access token is asked once more with a new one: it may have
        been withdrawn, or our clock be wrong.
        """
        self._get_token()
        try:
            return self._connected()
        except DeliveryError as error:
            refused = self.opened.secrets.get(ACCESS_TOKEN, "")
            if self.opened.tokens is None or error.stage is not Stage.AUTH or not error.reply.startswith("535"):
                raise
        self.conversation.noted(TOKEN_REFUSED)
        self._get_token(refused)
        return self._connected()

    def _get_token(self, refused: str = "") -> None:
        opened = self.opened
        if opened.tokens is None:
            return
        with self._stage(Stage.TOKEN):
            try:
                token = opened.tokens.get(refused)
            except OAuthError as fault:
                raise DeliveryError(Stage.TOKEN, reply=fault.reply, error=fault.error) from fault
        self.conversation.hide(token.value)
        secrets = {**opened.secrets, ACCESS_TOKEN: token.value}
        self.opened = replace(opened, secrets=secrets, good_until=token.expires_at)

    def _connected(self) -> SmtpClient:
        host = self._host_name()
        client = self._dialled(host)
        try:
            self._prepare(client)
        except BaseException:
            client.sock.close()
            raise
        finally:
            self.certificate = client.certificate
        return client

    def send(
        self,
        message: flask_mail.Message,
        envelope_from: str | tuple[str, str] | None = None,
        not_after: datetime | None = None,
    ) -> None:
        """Send one message, unless the server takes until `not_after` to ask for it.

        Raises DeliveryError; one with a fault other than SERVER leaves the connection usable.
        """
        client = self.host
        if client is None:
            raise RuntimeError("the connection is not open")
        sender = _address_of(envelope_from or message.sender or self.opened.mail_from)
        recipients = [_address_of(one) for one in message.send_to]
        content = message.as_bytes()
        utf8 = "SMTPUTF8" in message.mail_options or any(not one.isascii() for one in (sender, *recipients))
        try:
            self._envelope(client, sender, recipients, len(content), utf8)
            self._hand_over(client, content, not_after)
        except DeliveryError as error:
            if not error.server_fault:
                self._reset(client)
            raise

    def _new_conversation(self) -> Transcript:
        proxy = self.opened.proxy
        return Transcript([*self.opened.secrets.values(), *([proxy.password] if proxy else [])])

    def _host_name(self) -> str:
        host = self.opened.provider.host(self.opened.host, self.opened.fields)
        if host.isascii():
            return host
        with self._stage(Stage.LOOKUP):
            return idna.encode(host, uts46=True).decode()

    def _dialled(self, host: str) -> SmtpClient:
        opened, said = self.opened, b""
        if opened.proxy is not None:
            with self._stage(Stage.PROXY):
                sock, said = connect_through_proxy(opened.proxy, host, opened.port, opened.timeout)
        else:
            with self._stage(Stage.LOOKUP) as step:
                addresses = resolve(host, opened.port, opened.timeout)
                step.note = ", ".join(dict.fromkeys(str(address[4][0]) for address in addresses))
            with self._stage(Stage.CONNECT):
                sock = connect(addresses, opened.timeout)
        return SmtpClient(sock, (host, opened.port), opened.helo, opened.timeout, self.conversation, said)

    def _prepare(self, client: SmtpClient) -> None:
        if self.opened.security == "tls":
            with self._stage(Stage.TLS):
                client.encrypt(self._tls(), ask_first=False)
        with self._stage(Stage.GREETING):
            client.greet()
        with self._stage(Stage.EHLO):
            client.hello()
        if self.opened.security == "starttls":
            with self._stage(Stage.TLS):
                client.encrypt(self._tls(), ask_first=True)
            with self._stage(Stage.EHLO):
                client.hello()
        if self.opened.authentication != "none":
            with self._stage(Stage.AUTH):
                self._sign_in(client)

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.minimum_version = TLS_VERSIONS[self.opened.tls_minimum]
        return context

    def _sign_in(self, client: SmtpClient) -> None:
        provider = self.opened.provider
        method = provider.authentication_named(self.opened.authentication)
        if method is None:
            facts = {"provider": provider.label, "name": self.opened.authentication}
            raise DeliveryError(Stage.AUTH, error=NO_SUCH_SIGN_IN % facts)
        try:
            method.authenticate(client, self.opened.account)
        except DeliveryError as error:
            if self.opened.tokens is not None and error.reply:
                finding = self.opened.tokens.finding(self.opened.secrets[ACCESS_TOKEN])
                error.reply = "\n".join(filter(None, (error.reply, finding)))
            raise
        except OSError:
            raise
        except Exception as error:  # a plugin's code: whatever it raises stays its own provider's matter
            # Its words may hold what it was given to sign in with.
            trace = self.conversation.blot("".join(traceback.format_exception(error)))
            log.error("plugin failed to sign in", provider=provider.key, exception=trace)
            facts = {"provider": provider.label, "error": type(error).__name__}
            raise DeliveryError(Stage.AUTH, error=PLUGIN_FAILED % facts) from error

    def _envelope(self, client: SmtpClient, sender: str, recipients: list[str], size: int, utf8: bool) -> None:
        with self._stage(Stage.MAIL):
            options = [f"SIZE={size}"] if client.has_extn("size") else []
            if utf8:
                if not client.has_extn("smtputf8"):
                    raise DeliveryError(Stage.MAIL, error=NO_SMTPUTF8, fault=Scope.RECIPIENT)
                options.append("SMTPUTF8")
            _expect(2, Stage.MAIL, *client.mail(sender, options))
        with self._stage(Stage.RCPT):
            for recipient in recipients:
                _expect(2, Stage.RCPT, *client.rcpt(recipient))

    def _hand_over(self, client: SmtpClient, content: bytes, not_after: datetime | None) -> None:
        with self._stage(Stage.DATA) as step:
            if not_after is not None and clock.now() >= not_after:
                raise DeliveryError(Stage.DATA, error=TOO_LATE, fault=Scope.TOO_LATE)
            _expect(3, Stage.DATA, *client.docmd("DATA"))
            self.conversation.noted(f"message of {len(content)} octets")
            client.send(_dot_stuffed(content))
            answer = client.getreply()
            _expect(2, Stage.DATA, *answer)
            step.note = self.conversation.blot(reply_text(*answer))

    def _reset(self, client: SmtpClient) -> None:
        try:
            client.docmd("RSET")
        except OSError as error:
            log.debug("the mail server is gone", error=str(error))

    @contextmanager
    def _stage(self, stage: Stage) -> Iterator[StageResult]:
        """Run one stage; whatever fails in it becomes a DeliveryError that carries the record."""
        try:
            with self.conversation.stage(stage) as step:
                yield step
        except DeliveryError as error:
            error.stage = stage
            error.reply, error.error = self.conversation.blot(error.reply), self.conversation.blot(error.error)
            error.conversation = self.conversation
            raise
        except (OSError, UnicodeError, ValueError) as problem:
            failure = DeliveryError(stage, error=self.conversation.blot(str(problem) or type(problem).__name__))
            failure.conversation = self.conversation
            raise failure from problem


def _expect(first_digit: int, stage: Stage, code: int, text: bytes) -> None:
    if code // 100 != first_digit:
        reply = reply_text(code, text)
        raise DeliveryError(stage, reply=reply, fault=classify_reply(stage, code, reply))


def _address_of(address: str | tuple[str, str]) -> str:
    """The bare address, its domain in A-labels."""
    bare = address[1] if isinstance(address, tuple) else parseaddr(address)[1]
    local, _at, domain = bare.rpartition("@")
    return f"{local}@{domain if domain.isascii() else idna.encode(domain, uts46=True).decode()}"


def _dot_stuffed(content: bytes) -> bytes:
    """The content as it is sent after DATA (RFC 5321, 4.5.2)."""
    lines = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines) + b"\r\n.\r\n"
