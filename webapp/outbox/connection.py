"""Connections for deliveries, with the settings of the servers that are saved and what was made of them."""

from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.core.app_state import AppState
from webapp.core.errors import MailroomError
from webapp.core.sealing import CannotUnseal
from webapp.mail import transport_settings
from webapp.mail.composer import Composer
from webapp.mail.expiry import certificates
from webapp.mail.mime import WireEmail
from webapp.mail.models import Grant, MailServer
from webapp.mail.revisions import outcomes
from webapp.mail.transport.errors import DeliveryError
from webapp.mail.transport.pool import ConnectionPool, KeptConnection
from webapp.mail.transport.settings import TransportSettings
from webapp.outbox import circuit_breaker, routing
from webapp.outbox.claims import LocalStage
from webapp.outbox.limits import limits_of
from webapp.outbox.models import ServerTrouble
from webapp.outbox.routing import Binding, Route
from webapp.providers import Failure
from webapp.providers.registry import UnknownProvider
from webapp.settings.service import General, general

_SERVERS = (
    select(MailServer, Grant.granted_at, ServerTrouble)
    .outerjoin(Grant, Grant.mail_server_id == MailServer.id)
    .outerjoin(ServerTrouble, ServerTrouble.mail_server_id == MailServer.id)
    .where(MailServer.position.is_not(None))
    .order_by(MailServer.position)
    # The troubles may have changed since.
    .execution_options(populate_existing=True)
)

log = structlog.get_logger(__name__)


class NotReady(MailroomError):
    """There is no usable mail server; `failure` says why."""

    def __init__(self, code: str, **params: str) -> None:
        super().__init__(code)
        self.failure = Failure(LocalStage.SETTINGS, code, params)


@dataclass(frozen=True)
class ServerSettings:
    """The settings for one server that are saved at this moment, and when its grant was obtained, if it has one.

    `identified_by` is the sender of the first server, in whose domain all give a message the same Message-ID.
    """

    general: General
    server: MailServer | None = None
    granted_at: datetime | None = None
    identified_by: str = ""

    def same_as(self, other: "ServerSettings") -> bool:
        """Return whether these are the same settings."""
        return self.server is not None and self._identity == other._identity

    @property
    def server_id(self) -> int | None:
        """The id of the server."""
        return self.server.id if self.server else None

    @property
    def _identity(self) -> tuple[object, ...]:
        of_server = (self.server.id, self.server.updated_at) if self.server else None
        return of_server, self.general, self.granted_at, self.identified_by


@dataclass(frozen=True)
class SavedSettings:
    """The settings that are saved at this moment: those of all servers, their routes, and which are in trouble."""

    general: General
    servers: dict[int, ServerSettings]
    routes: list[Route]
    troubles: dict[int, ServerTrouble]

    def in_order(self, route: Route, now: datetime) -> list[ServerSettings]:
        """Return the servers to try for a message, in order: those that are well, or else all of the route."""
        well = [id_ for id_ in route.server_ids if not circuit_breaker.is_paused(self.troubles.get(id_), now)]
        return [self.servers[id_] for id_ in well or route.server_ids] or [ServerSettings(self.general)]


def saved_settings(session: Session, state: AppState) -> SavedSettings:
    """Read the settings. Done for every batch, so that a change applies from the next one on."""
    present = general(session, state.config)
    rows = session.execute(_SERVERS).all()
    first = rows[0][0].mail_from if rows else ""
    found = {server.id: ServerSettings(present, server, granted_at, first) for server, granted_at, _ in rows}
    bindings = (Binding(server.id, server.for_domains, server.for_applications) for server, *_more in rows)
    routes = routing.routes_by(session, bindings)
    return SavedSettings(present, found, routes, {server.id: trouble for server, _, trouble in rows if trouble})


@dataclass(frozen=True)
class ReadySettings:
    """What was made of settings: how to connect, and how to compose."""

    settings: ServerSettings
    server: MailServer
    transport: TransportSettings
    composer: Composer


class Connections:
    """What a process keeps between its runs: connections and layouts. A context manager; threads may share it."""

    def __init__(self, state: AppState) -> None:
        self.pool = ConnectionPool()
        self._state = state
        self._ready: dict[int, ReadySettings] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that nobody uses now, and the others when they are given back."""
        self.pool.close()

    def ready(self, settings: ServerSettings) -> ReadySettings:
        """Return what these settings mean, made once. Raises NotReady."""
        if settings.server is None:
            raise NotReady("no_mail_server")
        ready = self._ready.get(settings.server.id)
        if ready is None or not ready.settings.same_as(settings):
            ready = self._ready[settings.server.id] = _make_ready(settings, settings.server, self._state)
        return ready

    def connect(self, ready: ReadySettings, anew: bool = False) -> KeptConnection:
        """Return a connection that nobody else uses, one of those kept or a new one. Raises DeliveryError, NotReady."""
        make = KeptConnection if anew else self.pool.acquire
        try:
            return make(ready.transport, (ready.server.id, ready.settings.granted_at))
        except DeliveryError as error:
            outcomes.failed(self._state.database, ready.server, error.failure)
            raise
        except Exception as error:  # an unforeseen problem with the settings must not end messages
            raise _unusable(error) from error

    def record_success(self, ready: ReadySettings) -> None:
        """Record that an email went out with these settings."""
        outcomes.worked(self._state.database, ready.server)

    def record_certificate(self, settings: ServerSettings, kept: KeptConnection) -> None:
        """Record the certificate that the server presented, if that is worth it."""
        certificates.record(self._state.database, settings.server, kept.certificate)


class ReusableConnection:
    """The connection that one run uses from message to message. Use it as a context manager, which gives it back.

    When it is opened for another server, the connection to the previous one goes back to the pool.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._ready: ReadySettings | None = None
        self._kept: KeptConnection | None = None
        self._has_sent = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    @property
    def composer(self) -> Composer:
        """What composes emails with the settings that it was opened with."""
        if self._ready is None:
            raise RuntimeError("the connection is not open")
        return self._ready.composer

    def open(self, settings: ServerSettings) -> None:
        """Connect and authenticate with these settings, unless that has been done. Raises NotReady, DeliveryError."""
        is_same = self._ready is not None and self._ready.settings.same_as(settings)
        if is_same and self._kept is not None and self._kept.is_fresh:
            return
        self._release()
        self._ready = self._connections.ready(settings)
        self._kept = self._connections.connect(self._ready)
        self._has_sent = self._kept.is_worth_keeping
        self._connections.record_certificate(settings, self._kept)

    def send(self, email: WireEmail, not_after: datetime) -> str:
        """Send one email, by `not_after` or not at all; return the server's reply. Raises DeliveryError."""
        if self._kept is None or self._ready is None:
            raise RuntimeError("the connection is not open")
        reply = self._kept.deliver(email, not_after)
        if not self._has_sent:
            self._has_sent = True
            self._connections.record_success(self._ready)
        return reply

    @property
    def _keeps(self) -> bool:
        """Whether the connection is kept; if their number is limited, no other worker must wait for an idle one."""
        return self._ready is not None and limits_of(self._ready.server).connections is None

    def _release(self) -> None:
        if self._kept is not None:
            self._connections.pool.release(self._kept, keep=self._keeps)
        self._kept = self._ready = None


def _make_ready(settings: ServerSettings, server: MailServer, state: AppState) -> ReadySettings:
    try:
        transport = transport_settings.load(server, state, settings.general)
        headers = transport.provider.headers
        composer = Composer(settings.general, transport.mail_from, headers, settings.identified_by)
    except UnknownProvider as error:
        raise NotReady("plugin_missing", provider=server.provider) from error
    except CannotUnseal as error:
        raise NotReady("cannot_unseal") from error
    except Exception as error:
        raise _unusable(error) from error
    return ReadySettings(settings, server, transport, composer)


def _unusable(error: Exception) -> NotReady:
    log.error("mail server settings failed", exc_info=error)
    return NotReady("settings_failed", error=type(error).__name__)
