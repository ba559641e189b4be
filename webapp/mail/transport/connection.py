"""Connections to mail servers, opened nowhere else. A test send uses this path and shows its stages."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import Self, cast

import flask_mail
import structlog

from webapp.core import network_errors, tls
from webapp.core.address_families import Route, connect_each, name, resolve_family, take_first
from webapp.core.certificates import CertificateFacts
from webapp.core.deadlines import Deadline, Stopped
from webapp.core.sockets import Addresses, allows_private_hosts, connect, connect_through_proxy
from webapp.core.tls import PresentedChain
from webapp.mail.mime import Email, WireEmail, ascii_domain
from webapp.mail.oauth.errors import OAuthError
from webapp.mail.redaction import Redactor
from webapp.mail.transcript import Stage, StageResult, Transcript
from webapp.mail.transport.authentication import ACCESS_TOKEN, authenticate
from webapp.mail.transport.errors import DeliveryError, Scope
from webapp.mail.transport.settings import MAIL_PORTS, AccessToken, TransportSettings
from webapp.mail.transport.smtp import SmtpClient
from webapp.mail.transport.transaction import Transaction

log = structlog.get_logger(__name__)
# Flask-Mail's extension: its messages look up defaults in it. Its connections are not used.
mail = flask_mail.Mail()


class SmtpConnection(flask_mail.Connection):
    """Flask-Mail's connection with timeouts, verified TLS, providers' authentication and a transcript.

    Use it as a context manager: entering connects and authenticates. Raises DeliveryError.
    """

    host: SmtpClient | None

    def __init__(
        self, settings: TransportSettings, deadline: Deadline | None = None, compares_families: bool = False
    ) -> None:
        """Prepare a connection, on which all ends by the `deadline`. `compares_families` has each of them tried."""
        # The base's __init__ only stores settings that do not exist here.
        self.settings = settings
        self.deadline = deadline or Deadline()
        self._compares_families = compares_families
        # How each address family went, where they are compared.
        self.routes: Sequence[Route] = ()
        # The SASL mechanisms that the server offers, and the one that was used last.
        self.offered: frozenset[str] = frozenset()
        self.used_mechanism = ""
        # The access token, if there is one.
        self.token: AccessToken | None = None
        self.host = None
        # The certificate that the server presented last.
        self.certificate: CertificateFacts | None = None
        # Whether another email may follow, and the number of those so far.
        self.usable = False
        self.emails = 0
        secrets = [*settings.secrets.values(), settings.proxy.password if settings.proxy else ""]
        # Of what happened since the previous email, at first of connecting.
        self.transcript = Transcript(Redactor(secrets))

    def __enter__(self) -> Self:
        """Connect and authenticate."""
        self.host = self.configure_host()
        self.usable = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Quit, unless the connection has failed, and close."""
        if error is not None:
            self.usable = False
        self.close()

    def close(self) -> None:
        """Quit, if the connection is usable, and close it."""
        client, self.host = self.host, None
        if client is None:
            return
        try:
            if self.usable:
                client.quit_quickly()
        except OSError as quit_error:
            log.debug("the mail server did not answer QUIT", error=str(quit_error))
        finally:
            self.usable = False
            client.sock.close()

    def configure_host(self) -> SmtpClient:
        """Return a client that is connected, encrypted as configured, and authenticated.

        An access token that is rejected is never used again. Unless it was issued just now, another one is tried
        once: the token may have been revoked, may lack a permission that was granted since, or this machine's clock
        may be wrong.
        """
        try:
            return self._connected()
        except DeliveryError as error:
            if not self._discard_token(error) or self.token is None or self.token.is_new:
                raise
        self.transcript.add("note", "The access token was rejected; requesting a new one.")
        try:
            return self._connected()
        except DeliveryError as error:
            self._discard_token(error)
            raise

    def send(self, message: flask_mail.Message, envelope_from: str | tuple[str, str] | None = None) -> None:
        """Send one composed email. Raises DeliveryError."""
        self.deliver(cast(Email, message).to_wire(self.settings.provider.headers))

    def extend(self, deadline: Deadline) -> None:
        """Have what follows end by this deadline."""
        self.deadline = deadline
        if self.host is not None:
            self.host.deadline = deadline

    def rehearse(self, message: Email) -> None:
        """Have the server accept the sender and the recipient of an email, which isn't sent. Raises DeliveryError."""
        if self.host is None:
            raise RuntimeError("the connection is not open")
        with self._failures():
            Transaction(self.host, message.to_wire(self.settings.provider.headers)).rehearse()

    def deliver(self, email: WireEmail, not_after: datetime | None = None) -> str:
        """Send one email, unless the server asks for its content at `not_after` or later; return its reply.

        Raises DeliveryError. Then `usable` says whether the connection takes another email, or is closed.
        """
        client = self.host
        if client is None:
            raise RuntimeError("the connection is not open")
        if self.emails:
            self.transcript = client.transcript = Transcript(self.transcript.redactor)
        self.emails += 1
        transaction = Transaction(client, email)
        try:
            with self._failures():
                return transaction.run(not_after)
        except DeliveryError as error:
            self.usable = error.scope in (Scope.MESSAGE, Scope.RECIPIENT) and transaction.withdraw()
            if not self.usable:
                self.close()
            raise

    def presented_chain(self) -> PresentedChain:
        """Connect, and return the certificates that the server presents, without signing in. Raises DeliveryError."""
        client = self._connect()
        try:
            with self._stage(Stage.TLS):
                if self.settings.security == "starttls":
                    client.greet()
                    client.hello()
                    client.request_tls()
                return tls.presented_chain(client.sock, client.peer[0], self.deadline.left(self.settings.timeout))
        finally:
            client.sock.close()

    def _get_token(self) -> None:
        """Get an access token if the authentication uses them."""
        settings = self.settings
        if settings.tokens is None:
            return
        with self._stage(Stage.TOKEN) as result:
            try:
                token = self.deadline.run(settings.tokens.get)
            except OAuthError as error:
                raise DeliveryError(Stage.TOKEN, error.code, error.params, error.reply) from error
            result.note = token.described
        self.token = token
        self.transcript.add_secrets([token.value])
        secrets = {**settings.secrets, ACCESS_TOKEN: token.value}
        self.settings = replace(settings, secrets=secrets, valid_until=token.expires_at)

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
            self.offered, self.used_mechanism = client.offered, client.used_mechanism
        return client

    def _connect(self) -> SmtpClient:
        settings, host, received = self.settings, self._host_name(), b""
        if settings.port not in MAIL_PORTS and not allows_private_hosts():
            with self._stage(Stage.CONNECT):
                raise DeliveryError(Stage.CONNECT, "port_not_allowed", {"ports": ", ".join(map(str, MAIL_PORTS))})
        if settings.proxy is not None:
            with self._stage(Stage.PROXY):
                deadline = self.deadline.part(settings.timeout)
                sock, received = connect_through_proxy(settings.proxy, host, settings.port, deadline)
        else:
            with self._stage(Stage.LOOKUP) as result:
                addresses = self._addresses(host)
                result.note = ", ".join(dict.fromkeys(str(address[4][0]) for address in addresses))
            with self._stage(Stage.CONNECT) as result:
                result.note, sock = self._reach(addresses)
        with self._failures():
            return SmtpClient(self.deadline.watch(sock), host, settings, self.transcript, self.deadline, received)

    def _addresses(self, host: str) -> Addresses:
        """Return the addresses of the host, of the family that the settings allow."""
        family = self.settings.address_family
        found = resolve_family(family, host, self.settings.port, self.deadline.left(self.settings.timeout))
        if not found:
            raise DeliveryError(Stage.LOOKUP, "no_address_of_family", {"family": family})
        return found

    def _reach(self, addresses: Addresses) -> tuple[str, socket.socket]:
        """Connect; return the address family, or how each went, and the connection."""
        timeout = self.deadline.left(self.settings.timeout)
        if not self._compares_families:
            sock = connect(addresses, timeout)
            return name(sock.family), sock
        self.routes = connect_each(addresses, timeout)
        return ", ".join(route.described for route in self.routes), take_first(self.routes)

    def _host_name(self) -> str:
        host = self.settings.host
        try:
            return host if host.isascii() else ascii_domain(host)
        except UnicodeError:
            with self._stage(Stage.LOOKUP):
                raise

    def _open_session(self, client: SmtpClient) -> None:
        if self.settings.security == "tls":
            self._encrypt(client)
        with self._stage(Stage.GREETING) as result:
            result.note = client.greet()
        self._hello(client)
        if self.settings.security == "starttls":
            self._encrypt(client)
            self._hello(client)
        self._get_token()
        if self.settings.authentication != "none":
            with self._stage(Stage.AUTH) as result:
                try:
                    authenticate(client, self.settings, self.transcript.redact)
                finally:
                    result.note = client.used_mechanism

    def _hello(self, client: SmtpClient) -> None:
        with self._stage(Stage.EHLO) as result:
            client.hello()
            result.note = self.transcript.redact(client.features)

    def _encrypt(self, client: SmtpClient) -> None:
        with self._stage(Stage.TLS) as result:
            if self.settings.security == "starttls":
                client.request_tls()
            result.note = client.start_tls()

    def _host_names(self) -> str:
        """Return the hosts that the server's certificate is for, from a second connection on which nothing is sent."""
        with suppress(DeliveryError):
            return SmtpConnection(self.settings, self.deadline).presented_chain().host_names
        return ""

    @contextmanager
    def _stage(self, stage: Stage) -> Iterator[StageResult]:
        """Run one stage."""
        with self._failures(), self.transcript.stage(stage) as result:
            yield result

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Make every failure a DeliveryError of the present stage, without secrets and with the transcript."""
        try:
            yield
        except DeliveryError as error:
            self._complete(error)
            raise
        except (OSError, ValueError) as error:
            known = network_errors.classify(Stopped() if self.deadline.is_stopped else error)
            failed = DeliveryError(self.transcript.stages[-1].stage, *known)
            self._complete(failed)
            raise failed from error

    def _complete(self, error: DeliveryError) -> None:
        error.stage = self.transcript.stages[-1].stage
        error.transcript = self.transcript
        error.redact(self.transcript.redactor)
