"""The line to the mail server that one round keeps: opened anew whenever the saved settings changed."""

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

import flask_mail

from webapp import clock
from webapp.context import Parts
from webapp.mail import opening
from webapp.mail import service as mail
from webapp.mail.conversation import Stage
from webapp.mail.expiries import certificates
from webapp.mail.failures import DeliveryError
from webapp.mail.models import MailServer
from webapp.mail.opened import OpenedServer
from webapp.mail.transport import MailConnection
from webapp.outbox import words
from webapp.outbox.letters import NotReady
from webapp.registry import UnknownProvider
from webapp.sealing import SealBroken
from webapp.settings.service import General, general


@dataclass(frozen=True)
class Settings:
    """What is saved at this moment."""

    general: General
    server: MailServer | None


def read_settings(parts: Parts) -> Settings:
    """Read them; done for every message, so that what was saved holds from the next one on."""
    with parts.database.reading() as session:
        return Settings(general(session, parts.config), mail.primary(session))


class Line:
    """A connection that is kept from message to message; a context manager that ends it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._settings: Settings | None = None
        self._connection: MailConnection | None = None
        self._open = ExitStack()
        self._sent = 0
        self._opened: OpenedServer | None = None

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

    def connect(self, settings: Settings) -> None:
        """Be connected and signed in as these settings say. Raises NotReady, DeliveryError."""
        if self._connection is not None and self._same(settings):
            return
        self.hang_up()
        # Settings that cannot be used reach for no provider.
        self._opened = None
        self._opened = self._open_settings(settings)
        self._connection = self._open.enter_context(MailConnection(self._opened))
        self._settings = settings
        certificates.note(self._parts.database, settings.server, self._connection.certificate)

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
            if not error.server_fault:
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

    def _same(self, settings: Settings) -> bool:
        before = self._settings
        if before is None or before.server is None or settings.server is None:
            return False
        good_until = self._connection.opened.good_until if self._connection else None
        if good_until is not None and clock.now() >= good_until:
            return False
        return before.general == settings.general and before.server.updated_at == settings.server.updated_at

    def _open_settings(self, settings: Settings) -> OpenedServer:
        server = settings.server
        if server is None:
            raise NotReady(words.NO_MAIL_SERVER)
        try:
            return opening.opened(server, self._parts, settings.general)
        except UnknownProvider as error:
            raise NotReady(words.NO_PLUGIN % {"provider": server.provider}) from error
        except SealBroken as error:
            raise NotReady(words.SEAL_BROKEN) from error
