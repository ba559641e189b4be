"""Connections for deliveries, with the settings that are saved and what was made of them."""

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
from webapp.mail import servers, service, transport_settings
from webapp.mail.composer import Composer
from webapp.mail.expiry import certificates
from webapp.mail.mime import WireEmail
from webapp.mail.models import Grant, MailServer
from webapp.mail.revisions import outcomes
from webapp.mail.transport.errors import DeliveryError
from webapp.mail.transport.pool import ConnectionPool, KeptConnection
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
    """The settings that are saved at this moment, and when the server's grant was obtained, if it has one."""

    general: General
    server: MailServer | None
    granted_at: datetime | None = None

    def same_as(self, other: "CurrentSettings") -> bool:
        """Return whether these are the same settings."""
        if self.server is None or other.server is None:
            return False
        same_server = (self.server.id, self.server.updated_at) == (other.server.id, other.server.updated_at)
        return same_server and (self.general, self.granted_at) == (other.general, other.granted_at)


def current_settings(session: Session, state: AppState) -> CurrentSettings:
    """Read the settings. Done for every batch, so that a change applies from the next one on."""
    server = servers.primary(session)
    of_server = select(Grant.granted_at).where(Grant.mail_server_id == server.id) if server else None
    granted_at = session.scalar(of_server) if of_server is not None else None
    return CurrentSettings(general(session, state.config), server, granted_at)


@dataclass(frozen=True)
class Route:
    """What was made of settings: how to connect, and how to compose."""

    settings: CurrentSettings
    transport: TransportSettings
    composer: Composer


class Connections:
    """What a process keeps between its runs: connections and layouts. A context manager; threads may share it."""

    def __init__(self, state: AppState) -> None:
        self.pool = ConnectionPool()
        self._state = state
        self._route: Route | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that nobody uses now, and the others when they are given back."""
        self.pool.close()

    def route(self, settings: CurrentSettings) -> Route:
        """Return what these settings mean, made once. Raises NotReady."""
        route = self._route
        if route is None or not route.settings.same_as(settings):
            route = self._route = _make_route(settings, self._state)
        return route

    def connect(self, route: Route) -> KeptConnection:
        """Return a connection that nobody else uses. Raises DeliveryError, NotReady."""
        server = route.settings.server
        try:
            return self.pool.acquire(route.transport, (server.id, route.settings.granted_at) if server else None)
        except DeliveryError as error:
            if server is not None:
                outcomes.failed(self._state.database, server, error.failure)
            raise
        except Exception as error:  # an unforeseen problem with the settings must not end messages
            raise _unusable(error) from error

    def record_success(self, route: Route) -> None:
        """Record that an email went out with these settings."""
        if route.settings.server is not None:
            outcomes.worked(self._state.database, route.settings.server)

    def record_certificate(self, settings: CurrentSettings, kept: KeptConnection) -> None:
        """Record the certificate that the server presented, if that is worth it."""
        certificates.record(self._state.database, settings.server, kept.certificate)


class ReusableConnection:
    """The connection that one run uses from message to message. Use it as a context manager, which gives it back."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._route: Route | None = None
        self._kept: KeptConnection | None = None
        self._has_sent = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    @property
    def provider(self) -> str:
        """The key of the provider, empty if the settings were unusable."""
        return self._route.transport.provider.key if self._route else ""

    @property
    def composer(self) -> Composer:
        """What composes emails with the settings that it was opened with."""
        if self._route is None:
            raise RuntimeError("the connection is not open")
        return self._route.composer

    def open(self, settings: CurrentSettings) -> None:
        """Connect and authenticate with these settings, unless that has been done. Raises NotReady, DeliveryError."""
        before, self._route = self._route, None
        self._route = self._connections.route(settings)
        if self._kept is None or self._route is not before or not self._kept.is_fresh:
            self._release()
            self._kept = self._connections.connect(self._route)
            self._has_sent = False
            self._connections.record_certificate(settings, self._kept)

    def send(self, email: WireEmail, not_after: datetime) -> str:
        """Send one email, by `not_after` or not at all; return the server's reply. Raises DeliveryError."""
        if self._kept is None or self._route is None:
            raise RuntimeError("the connection is not open")
        reply = self._kept.deliver(email, not_after)
        if not self._has_sent:
            self._has_sent = True
            self._connections.record_success(self._route)
        return reply

    @property
    def _keeps(self) -> bool:
        """Whether the connection is kept; if their number is limited, no other worker must wait for an idle one."""
        server = self._route.settings.server if self._route else None
        return server is not None and service.limits(server.provider, *server.lowered_limits).connections is None

    def _release(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            self._connections.pool.release(kept, keep=self._keeps)


def _make_route(settings: CurrentSettings, state: AppState) -> Route:
    server = settings.server
    if server is None:
        raise NotReady("no_mail_server")
    try:
        transport = transport_settings.load(server, state, settings.general)
        composer = Composer(settings.general, transport.mail_from, transport.provider.headers)
    except UnknownProvider as error:
        raise NotReady("plugin_missing", provider=server.provider) from error
    except CannotUnseal as error:
        raise NotReady("cannot_unseal") from error
    except Exception as error:
        raise _unusable(error) from error
    return Route(settings, transport, composer)


def _unusable(error: Exception) -> NotReady:
    log.error("mail server settings failed", exc_info=error)
    return NotReady("settings_failed", error=type(error).__name__)
