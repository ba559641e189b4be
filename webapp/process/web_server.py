"""The web server, and the address it listens on."""

import contextlib
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

from flask import Flask
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from webapp.core.config import Network
from webapp.process.request_bodies import RequestBodyBuffer
from webapp.process.supervisor import exit_with_parent
from webapp.web.forwarded import TrustedProxies


class AddressUnavailable(Exception):
    """The server cannot listen on this address; the text says why and what to do."""


@dataclass(frozen=True)
class ListenAddress:
    """Where the web server listens."""

    host: str = "127.0.0.1"
    port: int = 8000

    @property
    def url(self) -> str:
        """The URL to open in a browser on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def resolved(self) -> str:
        """Return the host as an IP address. Raises AddressUnavailable."""
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        except (OSError, UnicodeError) as error:
            raise AddressUnavailable(
                f"{self.host} is not an address of this machine ({error}). Choose another --host."
            ) from error
        return str(found[0][4][0])

    def check(self) -> None:
        """Raise AddressUnavailable if nothing can listen here.

        The processes of the web server share the port (SO_REUSEPORT), so they would not notice another
        Mailroom that is already listening on it.
        """
        host = self.resolved()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, self.port))
            except OSError as error:
                raise AddressUnavailable(
                    f"Cannot listen on {self.host} port {self.port}: {error.strerror}. Choose another --host or --port."
                ) from error

    def answers(self) -> bool:
        """Return whether Mailroom answers here.

        An open port alone does not show that: Granian listens for a moment to test the port before it starts
        its processes.
        """
        connection = HTTPConnection(self.resolved(), self.port, timeout=1)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


def find_free_port(address: ListenAddress) -> ListenAddress:
    """Return this address, or one with the first free of the 100 ports from it. Raises AddressUnavailable."""
    for port in range(address.port, address.port + 100):
        candidate = ListenAddress(address.host, port)
        with contextlib.suppress(AddressUnavailable):
            candidate.check()
            return candidate
    raise AddressUnavailable(f"No port from {address.port} to {address.port + 99} is free.")


def serve_web(
    create_app: Callable[[], Flask],
    address: ListenAddress,
    processes: int,
    threads: int,
    proxy_networks: Sequence[Network] = (),
) -> None:
    """Serve the application until SIGTERM or SIGINT. Each process creates its own."""
    Granian(
        "webapp",
        address=address.resolved(),
        port=address.port,
        interface=Interfaces.WSGI,
        workers=processes,
        blocking_threads=threads,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=15_000),
        websockets=False,
        # Paths contain the secrets of links.
        log_access=False,
        # Through our own handler, in our own format. Below errors, Granian only reports what it is doing.
        log_level=LogLevels.error,
        log_dictconfig={"loggers": {"_granian": {"handlers": [], "propagate": True}}},
        respawn_failed_workers=True,
        workers_kill_timeout=20,
    ).serve(
        target_loader=partial(_load, create_app, os.getpid(), threads, proxy_networks),
        wrap_loader=False,
    )


def _load(create_app: Callable[[], Flask], parent: int, threads: int, proxy_networks: Sequence[Network]) -> Flask:
    exit_with_parent(parent)
    app = create_app()
    # The buffer limits each client, so it has to know them by the address that a trusted proxy forwards.
    # The application wraps itself the same way; the address is the client's by then, so that changes nothing more.
    buffer = RequestBodyBuffer(app.wsgi_app, threads)
    app.wsgi_app = TrustedProxies(buffer, proxy_networks) if proxy_networks else buffer  # type: ignore[method-assign]
    return app
