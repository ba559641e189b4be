"""The server process: listens, and stops without losing what is on its way."""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from flask import Flask

from webapp.core.app_state import app_state_of
from webapp.core.config import Config
from webapp.core.open_files import allow_open_files
from webapp.settings import service as settings
from webapp.submission.clients import Clients
from webapp.submission.commands import Conversation
from webapp.submission.committer import Committer
from webapp.submission.connection import Door
from webapp.submission.handshakes import Handshake
from webapp.submission.replies import Refusal
from webapp.submission.tls import Certificate

# Seconds that emails on their way get once the process is asked to stop.
GRACE = 20.0
POLL = 0.05
# Seconds between two looks whether the certificate was replaced.
CERTIFICATE_CHECK = 5.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

log = structlog.get_logger(__name__)


def serve(app: Flask, listeners: Sequence[socket.socket]) -> None:
    """Accept email on these sockets, which belong to the configured addresses, until SIGTERM, SIGINT or SIGHUP.

    A second signal ends the process at once. Raises ConfigError if the certificate can't be used.
    """
    allow_open_files()
    with running(app) as server:
        asyncio.run(_serve_until_signal(server, listeners))
    log.info("submission stopped")


@contextmanager
def running(app: Flask) -> Iterator["Server"]:
    """Yield a server that has its threads. Raises ConfigError if the certificate can't be used."""
    # It logs what clients say.
    logging.getLogger("mail.log").setLevel(logging.CRITICAL + 1)
    server = Server(app)
    server.door.committer.start()
    try:
        yield server
    finally:
        server.door.committer.stop()
        server.door.clients.close()


def load_certificate(config: Config) -> Certificate | None:
    """Return the configured certificate, if there is one. Raises ConfigError if it can't be used."""
    if not config.submission_certificate:
        return None
    key = Path(config.submission_key) if config.submission_key else None
    return Certificate(Path(config.submission_certificate), key)


class Server:
    """The server. It accepts connections while `run` runs."""

    def __init__(self, app: Flask) -> None:
        """Prepare it. Raises ConfigError if the certificate can't be used."""
        config = app_state_of(app).config
        self._certificate = load_certificate(config)
        self._implicit = [address.implicit_tls for address in config.submission_addresses]
        tls = self._certificate.context if self._certificate else None
        self.door = Door(_hostname(app), config.submission_max_size_bytes, tls, Clients(app), Committer(app))

    async def run(self, listeners: Sequence[socket.socket], stop: asyncio.Event) -> None:
        """Accept email on these sockets until it is to stop; then finish what is on its way."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_ignore_lost_connections)
        servers = [
            await loop.create_server(self._protocol(secure, loop), sock=listener)
            for listener, secure in zip(listeners, self._implicit, strict=True)
        ]
        log.info("submission started", addresses=[_shown(listener) for listener in listeners])
        while not stop.is_set():
            if self._certificate:
                self._certificate.refresh()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), CERTIFICATE_CHECK)
        for server in servers:
            server.close()
        await self._finish()

    def _protocol(self, secure: bool, loop: asyncio.AbstractEventLoop) -> Callable[[], asyncio.Protocol]:
        """Return what takes the connections of a socket; `secure` ones begin with TLS."""
        create = partial(Conversation, self.door, secure, loop)
        return partial(Handshake, self.door, self.door.tls, create) if secure and self.door.tls else create

    async def _finish(self) -> None:
        """Let emails on their way be stored, and tell all clients to come again later."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + GRACE
        self.door.stopping = True
        while self.door.open and loop.time() < deadline:
            for one in list(self.door.open):
                one.stop()
            await asyncio.sleep(POLL)


async def _serve_until_signal(server: Server, listeners: Sequence[socket.socket]) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, _asked, loop, number, stop)
    await server.run(listeners, stop)


def _asked(loop: asyncio.AbstractEventLoop, number: signal.Signals, stop: asyncio.Event) -> None:
    loop.remove_signal_handler(number)
    signal.signal(number, signal.SIG_DFL)
    stop.set()


def _ignore_lost_connections(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    # A Refusal, if the client is gone that was to get it.
    if not isinstance(context.get("exception"), ConnectionError | Refusal):
        loop.default_exception_handler(context)


def _hostname(app: Flask) -> str:
    """Return the name by which the server calls itself: that of the pages, if there is one."""
    state = app_state_of(app)
    with app.app_context(), state.database.read() as session:
        url = settings.general(session, state.config).public_url
    return urlsplit(url).hostname or socket.gethostname()


def _shown(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
