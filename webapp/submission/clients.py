"""Which application a client is, by its secret or by its network; see `applications.credentials`."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import structlog
from flask import Flask

from webapp.applications import credentials
from webapp.applications.models import Application
from webapp.core.app_state import app_state_of
from webapp.core.database import DATABASE_UNAVAILABLE
from webapp.core.errors import TooManyRequests
from webapp.outbox.submissions import senders
from webapp.submission import refusals
from webapp.submission.replies import Refusal, unavailable

# Threads that look up applications; SQLite lets only one of them write anyway.
THREADS = 4
# Seconds for which it is remembered whether an address is trusted, and addresses.
REMEMBERED, MAX_REMEMBERED = 1.0, 1000
# An identifier that no application has: without one, the secret alone would do.
NOBODY = "-"

log = structlog.get_logger(__name__)
Result = TypeVar("Result")


@dataclass(frozen=True)
class Client:
    """What a connection knows of its application. Whether that still holds is checked when an email is stored."""

    application_id: int
    identifier: str
    senders: tuple[str, ...]


class Clients:
    """Looks applications up in the database, in threads."""

    def __init__(self, app: Flask) -> None:
        self._app, self._database = app, app_state_of(app).database
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="clients")
        # By address, and until when (as the loop's clock tells): programs connect for each of their emails.
        self._trusted: dict[str, tuple[float, Client | None]] = {}

    def close(self) -> None:
        """Wait for the threads."""
        self._pool.shutdown(cancel_futures=True)

    async def authenticate(self, identifier: str, secret: str, address: str) -> Client:
        """Return the application with these credentials. Raises Refusal."""
        return await self._in_thread(lambda: self._authenticated(identifier, secret, address))

    async def trusted(self, address: str) -> Client | None:
        """Return the application that clients in this network are without authenticating. Raises Refusal."""
        now = asyncio.get_running_loop().time()
        until, known = self._trusted.get(address, (now, None))
        if until <= now:
            known = await self._in_thread(lambda: self._client(credentials.trusted(self._database, address)))
            if len(self._trusted) >= MAX_REMEMBERED:
                self._trusted.clear()
            self._trusted[address] = (now + REMEMBERED, known)
        return known

    async def allowed_senders(self, client: Client) -> tuple[str, ...]:
        """Return what the application may send from now. Raises Refusal."""
        return await self._in_thread(lambda: self._senders(client.application_id))

    def _authenticated(self, identifier: str, secret: str, address: str) -> Client:
        try:
            found = self._client(credentials.authenticate(self._database, secret, address, identifier or NOBODY))
        except credentials.InvalidCredentials as error:
            raise Refusal("credentials", "535 5.7.8 The identifier or the secret is wrong") from error
        except credentials.ApplicationDisabled as error:
            raise Refusal("disabled", "535 5.7.13 This application is disabled") from error
        except credentials.NetworkNotAllowed as error:
            reply = f"535 5.7.1 This application may not be used from {address}; change it under Settings, Applications"
            raise Refusal("network", reply) from error
        except TooManyRequests as error:
            raise refusals.guessing(error) from error
        if found is None:
            raise refusals.may_not_send("535")
        return found

    def _client(self, application: Application | None) -> Client | None:
        if application is None or not application.may_send:
            return None
        return Client(application.id, application.identifier, self._senders(application.id))

    def _senders(self, application_id: int) -> tuple[str, ...]:
        with self._database.read() as session:
            application = session.get(Application, application_id)
            return tuple(senders.allowed_senders(session, application)) if application else ()

    async def _in_thread(self, ask: Callable[[], Result]) -> Result:
        """Call a function. Raises Refusal, also while the database can't be used."""

        def run() -> Result:
            with self._app.app_context():
                return ask()

        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, run)
        except DATABASE_UNAVAILABLE as error:
            log.warning("applications not read", error=type(error).__name__)
            raise unavailable() from error
