"""The connection that one run of deliveries uses; it is opened again when the saved settings change."""

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

import structlog
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.errors import MailroomError
from webapp.core.sealing import CannotUnseal
from webapp.mail import servers, transport_settings
from webapp.mail.expiry import certificates
from webapp.mail.mime import Email
from webapp.mail.models import MailServer
from webapp.mail.transport.connection import SmtpConnection
from webapp.mail.transport.errors import DeliveryError, Scope
from webapp.mail.transport.settings import TransportSettings
from webapp.outbox.claims import LocalStage
from webapp.providers import Failure
from webapp.providers.registry import UnknownProvider
from webapp.settings.service import General, general

log = structlog.get_logger(__name__)


class NotReady(MailroomError):
    """There is no usable mail server; `failure` says why."""

    def __init__(self, code: str, **params: str) -> None:
        super().__init__(code)
        self.failure = Failure(LocalStage.SETTINGS, code, params)


@dataclass(frozen=True)
class CurrentSettings:
    """The settings that are saved at this moment."""

    general: General
    server: MailServer | None


def current_settings(session: Session, state: AppState) -> CurrentSettings:
    """Read the settings. Done for every batch, so that a change applies from the next one on."""
    return CurrentSettings(general(session, state.config), servers.primary(session))


class ReusableConnection:
    """A connection that is kept from message to message. Use it as a context manager, which closes it."""

    def __init__(self, state: AppState) -> None:
        self._state = state
        self._settings: CurrentSettings | None = None
        self._transport_settings: TransportSettings | None = None
        self._connection: SmtpConnection | None = None
        self._open = ExitStack()
        self._used = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(error)

    @property
    def provider(self) -> str:
        """The key of the provider of the last connection, empty if the settings were unusable."""
        return self._transport_settings.provider.key if self._transport_settings else ""

    def open(self, settings: CurrentSettings) -> None:
        """Connect and authenticate with these settings, unless that has been done. Raises NotReady, DeliveryError."""
        if self._connection is not None and self._connection.usable and self._is_current(settings):
            return
        self.close()
        self._transport_settings = None
        try:
            self._transport_settings = self._load(settings.server, settings.general)
            self._connection = self._open.enter_context(SmtpConnection(self._transport_settings))
        except (NotReady, DeliveryError):
            raise
        except Exception as error:  # an unforeseen problem with the settings must not end messages
            log.exception("mail server settings failed")
            raise NotReady("settings_failed", error=type(error).__name__) from error
        self._settings = settings
        certificates.record(self._state.database, settings.server, self._connection.certificate)

    def send(self, email: Email, not_after: datetime) -> tuple[str, str]:
        """Send one email over the open connection, by `not_after` or not at all; return the reply and the Message-ID.

        Raises NotReady, DeliveryError.

        Many servers close a connection after a number of messages, which is no failure: it is tried once
        more over a new connection.
        """
        connection, settings = self._connection, self._settings
        if connection is None or settings is None:
            raise RuntimeError("the connection is not open")
        try:
            wire = email.to_wire(connection.settings.provider.headers)
            reply = connection.deliver(wire, not_after)
        except DeliveryError as error:
            if error.scope not in (Scope.SERVER, Scope.UNCERTAIN):
                self._used = True
                raise
            was_used = self._used
            self.close(error)
            if not was_used or error.scope is Scope.UNCERTAIN:
                raise
            self.open(settings)
            return self.send(email, not_after)
        self._used = True
        return reply, wire.header_id

    def close(self, error: BaseException | None = None) -> None:
        """Close the connection; after an error without QUIT, which would only wait for a reply."""
        self._connection, self._used = None, False
        if error is None:
            self._open.close()
        else:
            self._open.__exit__(type(error), error, error.__traceback__)

    def _is_current(self, settings: CurrentSettings) -> bool:
        opened_with = self._settings
        if opened_with is None or opened_with.server is None or settings.server is None:
            return False
        valid_until = self._connection.settings.valid_until if self._connection else None
        if valid_until is not None and clock.now() >= valid_until:
            return False
        return opened_with.general == settings.general and opened_with.server.updated_at == settings.server.updated_at

    def _load(self, server: MailServer | None, general: General) -> TransportSettings:
        if server is None:
            raise NotReady("no_mail_server")
        try:
            return transport_settings.load(server, self._state, general)
        except UnknownProvider as error:
            raise NotReady("plugin_missing", provider=server.provider) from error
        except CannotUnseal as error:
            raise NotReady("cannot_unseal") from error
