"""The addresses that the servers listen on."""

import contextlib
import os
import socket
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

# Connections that wait while every process is busy, or has just died.
BACKLOG = 1024


class AddressUnavailable(Exception):
    """The server cannot listen on this address; the text says why and what to do."""


@dataclass(frozen=True)
class ListenAddress:
    """Where a server listens, by default the web server."""

    host: str = "127.0.0.1"
    port: int = 8000
    # What to do if that can't be.
    advice: str = "Choose another --host or --port."

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
                f"{self.host} is not an address of this machine ({error}). {self.advice}"
            ) from error
        return str(found[0][4][0])

    def listen(self) -> socket.socket:
        """Listen here, on `::` for IPv4 too. Raises AddressUnavailable, also if the port is taken."""
        host = self.resolved()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        both = host == "::" and socket.has_dualstack_ipv6()
        try:
            return socket.create_server((host, self.port), family=family, backlog=BACKLOG, dualstack_ipv6=both)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise AddressUnavailable(
                f"Cannot listen on {self.host} port {self.port}: {reason}. {self.advice}"
            ) from error

    def answers(self) -> bool:
        """Return whether Mailroom answers here. The port is open before its processes are ready."""
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
            candidate.listen().close()
            return candidate
    raise AddressUnavailable(f"No port from {address.port} to {address.port + 99} is free.")
