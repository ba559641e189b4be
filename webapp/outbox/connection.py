"""The line to the mail server that one round keeps: opened anew whenever the saved settings changed."""

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

import flask_mail

from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.errors import MailroomError
from webapp.core.sealing import CannotUnseal
from webapp.mail import servers, transport_settings
from webapp.mail.expiry import certificates
from webapp.mail.models import MailServer
from webapp.mail.transcript import Stage
from webapp.mail.transport.connection import SmtpConnection
from webapp.mail.transport.errors import DeliveryError, Scope
from webapp.mail.transport.settings import TransportSettings
from webapp.outbox.claims import LocalStage
from webapp.providers import Failure
from webapp.providers.registry import UnknownProvider
from webapp.settings.service import General, general


class NotReady(MailroomError):
    """A setting is missing or cannot be used; `failure` says which."""

    def __init__(self, code: str, **params: str) -> None:
        super().__init__(code)
        self.failure = Failure(LocalStage.SETTINGS, code, params)


@dataclass(frozen=True)
class CurrentSettings:
    """What is saved at this moment."""

    general: General
    server: MailServer | None


def read_settings(parts: AppState) -> CurrentSettings:
    """Read them; done for every message, so that what was saved holds from the next one on."""
    with parts.database.read() as session:
        return CurrentSettings(general(session, parts.config), servers.primary(session))


class ReusableConnection:
    """A connection that is kept from message to message; a context manager that ends it."""

    def __init__(self, parts: AppState) -> None:
        self._parts = parts
        self._settings: CurrentSettings | None = None
        self._connection: SmtpConnection | None = None
        self._open = ExitStack()
        self._sent = 0
        self._opened: TransportSettings | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hang_up(error)

    @property
    def provider(self) -> str:
        """The key of the provider that was last reached for."""
        return self._opened.provider.key if self._opened else ""

    def connect(self, settings: CurrentSettings) -> None:
        """Be connected and signed in as these settings say. Raises NotReady, DeliveryError."""
        if self._connection is not None and self._same(settings):
            return
        self.hang_up()
        # Settings that cannot be used reach for no provider.
        self._opened = None
        self._opened = self._open_settings(settings)
        self._connection = self._open.enter_context(SmtpConnection(self._opened))
        self._settings = settings
        certificates.record(self._parts.database, settings.server, self._connection.certificate)

    def send(self, message: flask_mail.Message, not_after: datetime) -> None:
        """Send one message over the open connection, before `not_after` or not at all. Raises DeliveryError.

        Many servers close a connection after some messages; that is no fault, so it is tried once
        more over a new one.
        """
        if self._connection is None or self._settings is None:
            raise RuntimeError("the line is not connected")
        try:
            self._connection.send(message, not_after=not_after)
        except DeliveryError as error:
            if error.scope is not Scope.SERVER:
                raise
            settings, used = self._settings, self._sent
            self.hang_up(error)
            # From DATA on the server may have taken the message: asking at once would send it twice.
            if not used or error.stage is Stage.DATA:
                raise
            self.connect(settings)
            self._connection.send(message, not_after=not_after)
        self._sent += 1

    def hang_up(self, error: BaseException | None = None) -> None:
        """Close the connection; after an error without a goodbye, which would only wait for an answer."""
        self._connection, self._sent = None, 0
        if error is None:
            self._open.close()
        else:
            self._open.__exit__(type(error), error, error.__traceback__)

    def _same(self, settings: CurrentSettings) -> bool:
        before = self._settings
        if before is None or before.server is None or settings.server is None:
            return False
        good_until = self._connection.settings.valid_until if self._connection else None
        if good_until is not None and clock.now() >= good_until:
            return False
        return before.general == settings.general and before.server.updated_at == settings.server.updated_at

    def _open_settings(self, settings: CurrentSettings) -> TransportSettings:
        server = settings.server
        if server is None:
            raise NotReady("no_mail_server")
        try:
            return transport_settings.load(server, self._parts, settings.general)
        except UnknownProvider as error:
            raise NotReady("plugin_missing", provider=server.provider) from error
        except CannotUnseal as error:
            raise NotReady("cannot_unseal") from error
