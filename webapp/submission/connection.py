"""One connection: its bytes, before aiosmtpd reads them, and its end. The commands are in `commands`."""

import asyncio
import ssl
from collections import defaultdict
from dataclasses import dataclass, field
from typing import AnyStr, ClassVar, Protocol, cast

import structlog
from aiosmtpd.smtp import SMTP, TLSSetupException

from webapp.submission import limits
from webapp.submission.authentication import Credentials
from webapp.submission.clients import Client, Clients
from webapp.submission.committer import Committer
from webapp.submission.limits import Connections
from webapp.submission.replies import Refusal, with_enhanced_code
from webapp.submission.stream import Budget, CommandGuard, Content

# Seconds in which a client may read why its connection ends.
LINGER = 2.0
# Refusals of one connection that are logged; all are counted.
MAX_LOGGED = 10
BUSY = b"421 4.7.0 Too many connections; try again later\r\n"
STOPPING = "421 4.3.2 Mailroom is stopping; try again in a moment"

log = structlog.get_logger(__name__)


class Stoppable(Protocol):
    """A connection, which ends when it may once `stop` is called."""

    def stop(self) -> None:
        """End it as soon as nothing of it is in progress."""


@dataclass
class Door:
    """What all connections share."""

    hostname: str
    max_size: int
    tls: ssl.SSLContext | None
    clients: Clients
    committer: Committer
    connections: Connections = field(default_factory=Connections)
    budget: Budget = field(default_factory=lambda: Budget(limits.MEMORY))
    open: set[Stoppable] = field(default_factory=set)
    stopping: bool = False


def address_of(transport: asyncio.BaseTransport) -> str:
    """Return the address of a client."""
    peer = transport.get_extra_info("peername")
    # None, if the client is gone already.
    return limits.normal_address(peer[0]) if peer else limits.UNKNOWN


class Errors:
    """Replies where our code fails. aiosmtpd looks for its methods by their names."""

    def __dir__(self) -> list[str]:
        # See Connection.
        return []

    async def handle_exception(self, error: Exception) -> str:
        """Return the reply, which says nothing of the error."""
        if isinstance(error, ConnectionError | ssl.SSLError | TLSSetupException):
            return "421 4.4.2 The connection was lost"
        log.error("command failed", exc_info=error)
        return "451 4.3.0 Mailroom failed; try again later"


ERRORS = Errors()


class Connection(SMTP):
    """A client's connection, without commands that do anything. `secure`: it began with TLS."""

    command_size_limit = limits.MAX_COMMAND
    command_size_limits: dict[str, int] = defaultdict(lambda: limits.MAX_COMMAND)  # noqa: RUF012 -- as in aiosmtpd

    _names: ClassVar[list[str]] = []

    def __init_subclass__(cls) -> None:
        cls._names = [name for name in dir(cls) if name.startswith("smtp_")]

    def __dir__(self) -> list[str]:
        # aiosmtpd goes through all names, for each connection, to find commands: half of the time that one takes.
        return self._names

    def __init__(self, door: Door, secure: bool, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            ERRORS,
            hostname=door.hostname,
            ident="ESMTP Mailroom",
            enable_SMTPUTF8=True,
            tls_context=None if secure else door.tls,
            timeout=limits.COMMAND,
            command_call_limit=limits.COMMANDS,
            loop=loop,
        )
        self._door, self._secure = door, secure
        self._address = ""
        self._greeted = self._ended = False
        self._client: Client | None = None
        # With which the client was let in, if it wasn't for its network; and until when that is believed.
        self._credentials: Credentials | None = None
        self._let_in_until = 0.0
        self._failures = self._logged = 0
        self._guard = CommandGuard()
        self._content: Content | None = None
        self._complete: asyncio.Future[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a new connection, or the encrypted one after STARTTLS, where the client begins anew (RFC 3207, 4.2)."""
        if self._address:
            self._secure, self._client, self._credentials = True, None, None
        else:
            address = address_of(transport)
            if self._door.stopping or not self._door.connections.enter(address):
                self._ended = True
                self._door.committer.count("connections", None)
                cast(asyncio.Transport, transport).write(BUSY)
                transport.close()
                return
            self._address = address
            self._door.open.add(self)
            self._deadline = self.loop.call_later(limits.ANONYMOUS, self._expire)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the connection."""
        if not self._address:
            return
        self._door.connections.leave(self._address)
        self._door.open.discard(self)
        if self._deadline:
            self._deadline.cancel()
        if self._content:
            self._content.close()
        super().connection_lost(error)

    def eof_received(self) -> bool | None:
        """End the connection as the client does."""
        return super().eof_received() if self._address else False

    def data_received(self, data: bytes) -> None:
        """Take bytes: of the content of an email if one is on its way, else of commands."""
        if self._ended:
            return
        if self._content:
            rest = self._content.feed(data)
            if rest is None:
                if self._content.is_lost:
                    self._end(self._content.lost_refusal())
                return
            if self._complete and not self._complete.done():
                self._complete.set_result(None)
            # `_data` has it, too.
            self._content, data = None, rest
        if data:
            try:
                self._guard.check(data)
            except Refusal as refusal:
                self._end(refusal)
            else:
                super().data_received(data)

    async def push(self, status: AnyStr) -> None:
        """Send a reply, unless the connection has had its last one."""
        if self._ended:
            return
        reply = with_enhanced_code(status) if isinstance(status, str) and self._greeted else status
        self._greeted = True
        await super().push(reply)

    def stop(self) -> None:
        """End the connection as soon as nothing of it is in progress."""
        if self._complete is None:
            self._end(Refusal("", STOPPING))

    def _end(self, refusal: Refusal) -> None:
        """Send a last reply and ignore the rest. A connection closed at once might reset before it is read."""
        if self._ended or self.transport is None:
            return
        if refusal.reason:
            self._count(refusal)
        cast(asyncio.Transport, self.transport).write(f"{refusal.reply}\r\n".encode())
        self._ended = True
        if self._content:
            self._content.close()
        self.loop.call_later(LINGER, self.transport.close)

    def _expire(self) -> None:
        self._end(Refusal("timeout", f"421 4.4.2 Nobody authenticated within {limits.ANONYMOUS:.0f} seconds"))

    def _count(self, refusal: Refusal) -> None:
        client = self._client
        self._door.committer.count(refusal.reason, client.application_id if client else None)
        self._logged += 1
        if self._logged > MAX_LOGGED:
            return
        log.info(
            "submission refused",
            reason=refusal.reason,
            code=refusal.reply[:3],
            client=self._address,
            application=client.identifier if client else None,
        )
