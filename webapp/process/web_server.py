"""The web server, and the address it listens on."""

import contextlib
import os
import socket
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

from flask import Flask
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from webapp import create_app
from webapp.process.request_bodies import RequestBodyBuffer
from webapp.process.supervisor import exit_with_parent


class AddressUnavailable(Exception):
    """The address to listen on cannot be used; the text says why and what to do."""


@dataclass(frozen=True)
class ListenAddress:
    """Where the web server listens."""

    host: str = "127.0.0.1"
    port: int = 8000

    @property
    def url(self) -> str:
        """As one types it into a browser on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def resolved(self) -> str:
        """The host as an IP address. Raises Unusable."""
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        except (OSError, UnicodeError) as error:
            raise AddressUnavailable(
                f"{self.host} is no address of this machine ({error}). Give another --host."
            ) from error
        return str(found[0][4][0])

    def check(self) -> None:
        """Raise Unusable when nothing can listen here.

        The web server's processes share the port (SO_REUSEPORT), so they alone would not notice
        that another Mailroom already has it.
        """
        host = self.resolved()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, self.port))
            except OSError as error:
                raise AddressUnavailable(
                    f"Cannot listen on {self.host} port {self.port}: {error.strerror}. Give another --host or --port."
                ) from error

    def answers(self) -> bool:
        """Whether Mailroom answers here.

        That something accepts connections would not tell: before its processes start, the web
        server listens for a moment to try the port.
        """
        connection = HTTPConnection(self.resolved(), self.port, timeout=1)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


def find_free_port(address: ListenAddress, tries: int = 100) -> ListenAddress:
    """Where something can listen: here, or on the first free port above. Raises Unusable."""
    for port in range(address.port, address.port + tries):
        candidate = ListenAddress(address.host, port)
        with contextlib.suppress(AddressUnavailable):
            candidate.check()
            return candidate
    raise AddressUnavailable(f"No port from {address.port} to {address.port + tries - 1} is free.")


def serve_web(address: ListenAddress, processes: int, threads: int) -> None:
    """Answer requests until SIGTERM, in `processes` processes with up to `threads` threads each."""
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
        # Paths hold the secrets of links.
        log_access=False,
        # Through our own handler, in our own format; below errors it only tells what it does.
        log_level=LogLevels.error,
        log_dictconfig={"loggers": {"_granian": {"handlers": [], "propagate": True}}},
        respawn_failed_workers=True,
        workers_kill_timeout=20,
    ).serve(target_loader=partial(_application, os.getpid(), threads), wrap_loader=False)


def _application(parent: int, threads: int) -> Flask:
    exit_with_parent(parent)
    return create_app(intake=partial(RequestBodyBuffer, threads=threads))
