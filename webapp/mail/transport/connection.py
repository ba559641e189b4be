"""Connections to mail servers, opened nowhere else. A test send uses this path and shows its stages."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import Self, cast

import flask_mail
import structlog

from webapp.core import clock, network_errors, tls
from webapp.core.sockets import connect, connect_through_proxy, resolve
from webapp.mail.mime import Email, WireEmail, ascii_domain
from webapp.mail.oauth.errors import OAuthError
from webapp.mail.transcript import Stage, StageResult, Transcript
from webapp.mail.transport import rejections
from webapp.mail.transport.authentication import ACCESS_TOKEN, authenticate
from webapp.mail.transport.errors import DeliveryError, Scope
from webapp.mail.transport.settings import TransportSettings
from webapp.mail.transport.smtp import Certificate, SmtpClient, reply_text

log = structlog.get_logger(__name__)
# Flask-Mail's extension: its messages look up defaults in it. Its connections are not used.
mail = flask_mail.Mail()
TLS_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class SmtpConnection(flask_mail.Connection):
    """Flask-Mail's connection with timeouts, verified TLS, providers' authentication and a transcript.

    Use it as a context manager: entering connects and authenticates. Raises DeliveryError.
    """

    host: SmtpClient | None

    def __init__(self, settings: TransportSettings, check_hostname: bool = True) -> None:
        # The base's __init__ only stores settings that do not exist here.
        self.settings = settings
        self._check_hostname = check_hostname
        self.host = None
        # The certificate that the server presented last.
        self.certificate: Certificate | None = None
        proxy = settings.proxy
        self.transcript = Transcript([*settings.secrets.values(), *([proxy.password] if proxy else [])])

    def __enter__(self) -> Self:
        """Connect and authenticate."""
        self.host = self.configure_host()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Quit, unless the connection has failed, and close."""
        if self.host is None:
            return
        try:
            if error is None:
                self.host.quit_quickly()
        except OSError as quit_error:
            log.debug("the mail server did not answer QUIT", error=str(quit_error))
        finally:
            self.host.sock.close()
            self.host = None

    def configure_host(self) -> SmtpClient:
        """Return a client that is connected, encrypted as configured, and authenticated.

        An access token that is rejected is never used again. Unless it was issued just now, another one is tried
        once: the token may have been revoked, may lack a permission that was granted since, or this machine's clock
        may be wrong.
        """
        is_new = self._get_token()
        try:
            return self._connected()
        except DeliveryError as error:
            if not self._discard_token(error) or is_new:
                raise
        self.transcript.add("note", "The access token was rejected; requesting a new one.")
        self._get_token()
        try:
            return self._connected()
        except DeliveryError as error:
            self._discard_token(error)
            raise

    def send(self, message: flask_mail.Message, envelope_from: str | tuple[str, str] | None = None) -> None:
        """Send one composed email. Raises DeliveryError."""
        self.deliver(cast(Email, message).to_wire(self.settings.provider.headers))

    def deliver(self, email: WireEmail, not_after: datetime | None = None) -> str:
        """Send one email, unless the server is not ready for its content before `not_after`; return its reply.

        Raises DeliveryError; the connection stays usable unless its scope is SERVER or UNCERTAIN.
        """
        client = self.host
        if client is None:
            raise RuntimeError("the connection is not open")
        try:
            self._send_envelope(client, email)
            return self._send_data(client, email.content, not_after)
        except DeliveryError as error:
            if error.scope not in (Scope.SERVER, Scope.UNCERTAIN):
                with suppress(OSError):
                    client.docmd("RSET")
            raise

    def _get_token(self) -> bool:
        """Get an access token if the authentication uses them. Return whether it was issued just now."""
        settings = self.settings
        if settings.tokens is None:
            return False
        with self._stage(Stage.TOKEN):
            try:
                token = settings.tokens.get()
            except OAuthError as error:
                raise DeliveryError(Stage.TOKEN, error.code, error.params, error.reply) from error
        self.transcript.add_secret(token.value)
        secrets = {**settings.secrets, ACCESS_TOKEN: token.value}
        self.settings = replace(settings, secrets=secrets, valid_until=token.expires_at)
        return token.is_new

    def _discard_token(self, error: DeliveryError) -> bool:
        """Discard the access token if this error is its rejection. Return whether it is."""
        tokens = self.settings.tokens
        if tokens is None or error.stage is not Stage.AUTH or not error.reply.startswith("535"):
            return False
        with suppress(OAuthError):
            tokens.discard(self.settings.secrets[ACCESS_TOKEN])
        return True

    def _connected(self) -> SmtpClient:
        client = self._connect()
        try:
            self._open_session(client)
        except BaseException as error:
            client.sock.close()
            if isinstance(error, DeliveryError) and error.code in network_errors.OTHER_HOST:
                error.params["names"] = self._host_names()
            raise
        finally:
            self.certificate = client.certificate
        return client

    def _connect(self) -> SmtpClient:
        settings, host, received = self.settings, self._host_name(), b""
        if settings.proxy is not None:
            with self._stage(Stage.PROXY):
                sock, received = connect_through_proxy(settings.proxy, host, settings.port, settings.timeout)
        else:
            with self._stage(Stage.LOOKUP) as result:
                addresses = resolve(host, settings.port, settings.timeout)
                result.note = ", ".join(dict.fromkeys(str(address[4][0]) for address in addresses))
            with self._stage(Stage.CONNECT):
                sock = connect(addresses, settings.timeout)
        return SmtpClient(sock, (host, settings.port), settings.helo, settings.timeout, self.transcript, received)

    def _host_name(self) -> str:
        host = self.settings.provider.host(self.settings.host, self.settings.fields)
        if host.isascii():
            return host
        with self._stage(Stage.LOOKUP):
            return ascii_domain(host)

    def _open_session(self, client: SmtpClient) -> None:
        if self.settings.security == "tls":
            with self._stage(Stage.TLS):
                client.start_tls(self._tls_context())
        with self._stage(Stage.GREETING):
            client.greet()
        with self._stage(Stage.EHLO):
            client.hello()
        if self.settings.security == "starttls":
            with self._stage(Stage.TLS):
                client.request_tls()
                client.start_tls(self._tls_context())
            with self._stage(Stage.EHLO):
                client.hello()
        if self.settings.authentication != "none":
            with self._stage(Stage.AUTH):
                authenticate(client, self.settings, self.transcript.redact)

    def _tls_context(self) -> ssl.SSLContext:
        return tls.client_context(TLS_VERSIONS[self.settings.tls_minimum], self._check_hostname)

    def _host_names(self) -> str:
        """Return the hosts that the server's certificate is for, from a second connection without signing in."""
        other = SmtpConnection(replace(self.settings, authentication="none", tokens=None), check_hostname=False)
        with suppress(DeliveryError), other:
            pass
        return other.certificate.host_names if other.certificate else ""

    def _send_envelope(self, client: SmtpClient, email: WireEmail) -> None:
        with self._stage(Stage.MAIL):
            options = [f"SIZE={len(email.content)}"] if client.has_extn("size") else []
            if email.needs_utf8:
                _require_smtputf8(client, email.sender)
                options.append("SMTPUTF8")
            _expect(2, Stage.MAIL, *client.mail(email.sender, options))
        with self._stage(Stage.RCPT):
            _expect(2, Stage.RCPT, *client.rcpt(email.recipient))

    def _send_data(self, client: SmtpClient, content: bytes, not_after: datetime | None) -> str:
        with self._stage(Stage.DATA) as result:
            if not_after is not None and clock.now() >= not_after:
                raise DeliveryError(Stage.DATA, "message_expired", scope=Scope.EXPIRED)
            _expect(3, Stage.DATA, *client.docmd("DATA"))
            self.transcript.add("note", f"message of {len(content)} octets")
            client.send(_dot_stuffed(content))
            try:
                reply = client.getreply()
            except OSError as error:
                cause, params = network_errors.classify(error)
                params["cause"] = cause
                raise DeliveryError(Stage.DATA, "unconfirmed", params, scope=Scope.UNCERTAIN) from error
            _expect(2, Stage.DATA, *reply)
            result.note = self.transcript.redact(reply_text(*reply))
        return result.note

    @contextmanager
    def _stage(self, stage: Stage) -> Iterator[StageResult]:
        """Run one stage. Whatever fails in it becomes a DeliveryError that carries the transcript."""
        try:
            with self.transcript.stage(stage) as result:
                yield result
        except DeliveryError as error:
            error.stage = stage
            self._complete(error)
            raise
        except (OSError, UnicodeError, ValueError) as error:
            failed = DeliveryError(stage, *network_errors.classify(error))
            self._complete(failed)
            raise failed from error

    def _complete(self, error: DeliveryError) -> None:
        error.redact(self.transcript.redact)
        error.transcript = self.transcript


def _require_smtputf8(client: SmtpClient, sender: str) -> None:
    """Raise DeliveryError if the server can't take addresses with non-ASCII characters, naming whose it is."""
    if client.has_extn("smtputf8"):
        return
    if sender.isascii():
        raise DeliveryError(Stage.MAIL, "smtputf8_not_offered", scope=Scope.RECIPIENT)
    raise DeliveryError(Stage.MAIL, "sender_needs_smtputf8", scope=Scope.SERVER)


def _expect(first_digit: int, stage: Stage, code: int, text: bytes) -> None:
    if code // 100 != first_digit:
        reply = reply_text(code, text)
        raise DeliveryError(stage, reply=reply, scope=rejections.scope(stage, reply))


def _dot_stuffed(content: bytes) -> bytes:
    """Return the content as it is sent after DATA (RFC 5321, 4.5.2)."""
    lines = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines) + b"\r\n.\r\n"
