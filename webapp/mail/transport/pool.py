"""Authenticated connections that one process keeps for the next emails."""

import threading
import time
from collections.abc import Hashable
from datetime import datetime

from webapp.core import clock
from webapp.core.certificates import CertificateFacts
from webapp.mail.mime import WireEmail
from webapp.mail.transport.connection import SmtpConnection
from webapp.mail.transport.errors import DeliveryError, Scope
from webapp.mail.transport.settings import TransportSettings

# Gmail refuses clients that sign in for each email, so a pause must not end a connection; servers wait for minutes
# (RFC 5321, 4.5.3.2.7), though busy ones wait less.
IDLE_SECONDS = 30
# SendGrid has documented 100; Amazon SES recommends some limit.
MAX_EMAILS = 100


class KeptConnection:
    """A connection with these `settings`, which is opened again when its token has expired or MAX_EMAILS were sent."""

    def __init__(self, settings: TransportSettings, key: Hashable) -> None:
        self.settings = settings
        self.key = key
        self.idle_since = 0.0
        self._connection = SmtpConnection(settings).__enter__()

    @property
    def certificate(self) -> CertificateFacts | None:
        """The certificate that the server presented last."""
        return self._connection.certificate

    @property
    def is_fresh(self) -> bool:
        """Whether it takes another email: it works, its token is valid, and it has not sent too many."""
        connection = self._connection
        until = connection.settings.valid_until
        return connection.usable and connection.emails < MAX_EMAILS and (until is None or clock.now() < until)

    @property
    def is_worth_keeping(self) -> bool:
        """Whether it has sent email and takes more. Only such a one is replaced if the server has closed it."""
        return self._connection.emails > 0 and self.is_fresh

    def deliver(self, email: WireEmail, not_after: datetime | None = None) -> str:
        """Send one email as `SmtpConnection.deliver` does. Raises DeliveryError.

        Many servers close a connection after some time or a number of emails, which is no failure: one that has sent
        email before is replaced once, unless the server may have accepted this one.
        """
        if not self.is_fresh:
            self._reopen()
        elif self._connection.emails:
            try:
                return self._connection.deliver(email, not_after)
            except DeliveryError as error:
                if error.scope is not Scope.SERVER:
                    raise
            self._reopen()
        return self._connection.deliver(email, not_after)

    def close(self) -> None:
        """Quit and close."""
        self._connection.close()

    def _reopen(self) -> None:
        self.close()
        self._connection = SmtpConnection(self.settings).__enter__()


class ConnectionPool:
    """The connections of one process. Several threads may use it; each connection belongs to one at a time.

    `idle_seconds` is how long one is kept that nobody uses.
    """

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        # Those that nobody uses, the longest idle first.
        self._idle: list[KeptConnection] = []
        self._timer: threading.Timer | None = None
        self._closed = False

    def acquire(self, settings: TransportSettings, key: Hashable) -> KeptConnection:
        """Return an idle connection that was made with these settings, or a new one. Raises DeliveryError.

        `key` says whose it is, such as a mail server and its grant; idle ones with this key and other settings are
        closed. Give it back with `release`.
        """
        with self._lock:
            own = [one for one in self._idle if one.key == key]
            fitting = [one for one in own if one.settings == settings and one.is_fresh]
            chosen = fitting[-1] if fitting else None
            useless = [one for one in own if one not in fitting]
            self._idle = [one for one in self._idle if one is not chosen and one not in useless]
        for one in useless:
            one.close()
        return chosen or KeptConnection(settings, key)

    def release(self, connection: KeptConnection, keep: bool = True) -> None:
        """Take a connection back, to keep it for a while if it is worth it, else to close it."""
        with self._lock:
            keep = keep and connection.is_worth_keeping and not self._closed
            if keep:
                connection.idle_since = time.monotonic()
                self._idle.append(connection)
                self._start_timer()
        if not keep:
            connection.close()

    def close(self) -> None:
        """Close the idle connections now, and the others when they are released."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            if self._timer is not None:
                self._timer.cancel()
        for one in idle:
            one.close()

    def _start_timer(self) -> None:
        """Have the connections closed that nobody asks for. The lock is held."""
        if self._timer is None and self._idle:
            left = self._idle[0].idle_since + self._idle_seconds - time.monotonic()
            self._timer = threading.Timer(max(left, 0), self._close_idle)
            self._timer.daemon = True
            self._timer.start()

    def _close_idle(self) -> None:
        end = time.monotonic() - self._idle_seconds
        with self._lock:
            expired = [one for one in self._idle if one.idle_since <= end]
            self._idle = [one for one in self._idle if one.idle_since > end]
            self._timer = None
            self._start_timer()
        for one in expired:
            one.close()
