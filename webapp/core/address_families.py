"""IPv4 and IPv6: the addresses of one of them, and how connecting by each goes."""

import socket
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from functools import partial

from webapp.core.deadlines import start
from webapp.core.network_errors import NO_ROUTE
from webapp.core.sockets import Addresses, connect, resolve

NAMES: Mapping[int, str] = {socket.AF_INET: "IPv4", socket.AF_INET6: "IPv6"}
# As settings have them.
IPV4, IPV6 = "ipv4", "ipv6"
# In seconds: how much longer than another an address family may take before it is called broken.
PATIENCE = 2.0


@dataclass(frozen=True)
class Route:
    """How connecting by one address family went: its addresses, the seconds it took, the connection or the error."""

    family: str
    addresses: Sequence[str]
    seconds: float
    error: OSError | None = None
    sock: socket.socket | None = field(default=None, compare=False)

    @property
    def wastes_time(self) -> bool:
        """Whether connecting fails, other than at once because this machine has no route, as without IPv6."""
        return self.error is not None and self.error.errno not in NO_ROUTE

    @property
    def described(self) -> str:
        """The family and how it went, in signs."""
        return f"{self.family} {'✕' if self.error else '✓'} {self.seconds * 1000:.0f} ms"


def resolve_family(family: str, host: str, port: int, timeout: float) -> Addresses:
    """Return the addresses of a host that are of this family: IPV4, IPV6 or any; there may be none.

    Raises as `sockets.resolve` does.
    """
    found = resolve(host, port, timeout)
    return [one for one in found if family not in (IPV4, IPV6) or name(one[0]).casefold() == family]


def connect_each(addresses: Addresses, timeout: float) -> list[Route]:
    """Connect by each address family, side by side, all within `timeout` seconds; return how each went.

    Once one is connected, the others have PATIENCE seconds more.
    """
    by_family = {address[0]: [one for one in addresses if one[0] == address[0]] for address in addresses}
    began = time.monotonic()
    attempts = {family: start(partial(_connect, found, timeout)) for family, found in by_family.items()}
    end = began + timeout + 0.5
    while waiting := [one for one in attempts.values() if not one.done()]:
        if any(one.done() and one.result().sock for one in attempts.values()):
            end = min(end, time.monotonic() + PATIENCE)
        if not wait(waiting, end - time.monotonic(), FIRST_COMPLETED).done:
            break
    for one in waiting:
        one.add_done_callback(_close)
    late = TimeoutError("timed out")
    return [
        Route(*_described(by_family[family]), time.monotonic() - began, late)
        if attempt in waiting
        else attempt.result()
        for family, attempt in attempts.items()
    ]


def take_first(routes: Sequence[Route]) -> socket.socket:
    """Return the connection of the first route that has one, and close the others.

    Raises the OSError of the first family that this machine has a route for, else of the first, if none has.
    """
    connected = [route.sock for route in routes if route.sock is not None]
    for sock in connected[1:]:
        sock.close()
    if connected:
        return connected[0]
    errors = [route.error for route in routes if route.error is not None]
    raise next((error for error in errors if error.errno not in NO_ROUTE), errors[0])


def name(family: int) -> str:
    """Return what people call an address family."""
    return NAMES.get(family, str(family))


def _connect(addresses: Addresses, timeout: float) -> Route:
    began, sock, failed = time.monotonic(), None, None
    try:
        sock = connect(addresses, timeout)
    except OSError as error:
        failed = error
    return Route(*_described(addresses), time.monotonic() - began, failed, sock)


def _described(addresses: Addresses) -> tuple[str, list[str]]:
    return name(addresses[0][0]), list(dict.fromkeys(str(address[4][0]) for address in addresses))


def _close(attempt: Future[Route]) -> None:
    """Close a connection that nobody waits for any more."""
    if attempt.exception() is None and (sock := attempt.result().sock) is not None:
        sock.close()
