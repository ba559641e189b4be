"""Connect to a server: directly, through an HTTP proxy (CONNECT) or through SOCKS5."""

import base64
import socket
from concurrent.futures import wait
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import h11
from python_socks import ProxyType
from python_socks.sync import Proxy as SocksProxy

from webapp.core.deadlines import Deadline, start
from webapp.core.hosts import is_loopback, is_public, parse_ip_address
from webapp.core.network_errors import NO_ROUTE, NameServiceTimeout, PrivateHost, ProxyError

MAX_PROXY_RESPONSE_SIZE = 16 * 1024
# Addresses as `socket.getaddrinfo` returns them.
Addresses = list[tuple[Any, ...]]


class _Reach:
    """Where this process may connect to."""

    private_hosts = True


@dataclass(frozen=True)
class Proxy:
    """The address of a proxy and its credentials. `type` is `http` or `socks5`."""

    type: str
    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)


def allow_private_hosts(allow: bool) -> None:
    """Set whether this process may connect to hosts that aren't on the internet (`hosts.is_public`)."""
    _Reach.private_hosts = allow


def allows_private_hosts() -> bool:
    """Return whether this process may connect to hosts that aren't on the internet."""
    return _Reach.private_hosts


def resolve(host: str, port: int, timeout: float) -> Addresses:
    """Return the addresses of a host that may be connected to.

    The system's resolver has no timeout, so it runs in a thread that is abandoned if it does not answer in
    time. Raises socket.gaierror, UnicodeError, NameServiceTimeout or PrivateHost.
    """
    asked = start(partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM))
    if not wait([asked], timeout).done:
        raise NameServiceTimeout("name_service_timeout", seconds=f"{round(timeout, 1):g}")
    return _permitted(asked.result())


def connect(addresses: Addresses, timeout: float) -> socket.socket:
    """Connect to the first address that answers, all within `timeout` seconds.

    Each address gets a share of the time, so that a broken IPv6 route does not use all of it.
    Raises the OSError of the first address that has a route, else of the first, if none answers in time.
    """
    errors: list[OSError] = []
    deadline = Deadline(timeout)
    # Whichever way they were found, it's here that they are used.
    addresses = _permitted(addresses)
    for position, (family, kind, protocol, _name, address) in enumerate(addresses):
        try:
            share = deadline.left() / (len(addresses) - position)
            return _connect_socket(socket.socket(family, kind, protocol), address, max(0.5, share))
        except OSError as error:
            errors.append(error)
    # Without IPv6 on this machine, an IPv6 address says nothing about the server.
    raise next((error for error in errors if error.errno not in NO_ROUTE), errors[0])


def _permitted(addresses: Addresses) -> Addresses:
    """Return the addresses that may be connected to. Raises PrivateHost if there are none."""
    permitted = [one for one in addresses if _Reach.private_hosts or _is_public(str(one[4][0]))]
    if not permitted:
        raise PrivateHost("private_host")
    return permitted


def _is_public(address: str) -> bool:
    ip = parse_ip_address(address)
    return ip is not None and is_public(ip)


def _check_target(host: str) -> None:
    """Check a host that a proxy will resolve: nothing but an address, however it is written, says where that is.

    Raises PrivateHost.
    """
    if _Reach.private_hosts:
        return
    name = host.rstrip(".").casefold()
    if is_loopback(name) or name.endswith(".localhost"):
        raise PrivateHost("private_host")
    try:
        # Without asking a name server. It knows 127.1 and 0x7f000001, as the proxy's resolver may.
        addresses = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return
    _permitted(addresses)


def _connect_socket(sock: socket.socket, address: tuple[Any, ...], timeout: float) -> socket.socket:
    try:
        sock.settimeout(timeout)
        sock.connect(address)
        # SMTP commands are small and answered at once; waiting to fill a packet only delays them.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        sock.close()
        raise
    return sock


def connect_through_proxy(proxy: Proxy, host: str, port: int, deadline: Deadline) -> tuple[socket.socket, bytes]:
    """Connect to a host through a proxy; return the connection and what the server already sent on it.

    The proxy resolves the host. Raises ProxyError or another OSError.
    """
    _check_target(host)
    addresses = resolve(proxy.host, proxy.port, deadline.left())
    if proxy.type == "socks5":
        return _connect_through_socks(proxy, addresses, (host, port), deadline), b""
    sock = deadline.watch(connect(addresses, deadline.left()))
    try:
        return sock, _open_tunnel(sock, proxy, f"[{host}]:{port}" if ":" in host else f"{host}:{port}", deadline)
    except BaseException:
        sock.close()
        raise


def _connect_through_socks(
    proxy: Proxy, addresses: Addresses, target: tuple[str, int], deadline: Deadline
) -> socket.socket:
    """Connect through the first address of a SOCKS5 proxy that answers. Raises ProxyError or another OSError."""
    for position, (_family, _kind, _protocol, _name, address) in enumerate(addresses):
        # By its address, as python-socks would look the name up again.
        socks = SocksProxy(
            ProxyType.SOCKS5, address[0], proxy.port, proxy.username or None, proxy.password or None, rdns=True
        )
        try:
            share = deadline.left() / (len(addresses) - position)
            # Its timeout is for each read, and a proxy may send byte by byte.
            return deadline.run(partial(socks.connect, *target, timeout=share))
        except OSError:
            if position == len(addresses) - 1:
                raise
        except Exception as error:  # python-socks' own errors are not OSErrors
            raise ProxyError("proxy_failed", error=str(error)) from error
    raise RuntimeError("a proxy has at least one address")


def _open_tunnel(sock: socket.socket, proxy: Proxy, target: str, deadline: Deadline) -> bytes:
    """Request a tunnel (RFC 9110, 9.3.6); return what follows the proxy's response, as the server sent it."""
    headers = [("Host", target)]
    if proxy.username:
        credentials = base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
        headers.append(("Proxy-Authorization", f"Basic {credentials}"))
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_PROXY_RESPONSE_SIZE)
    sock.settimeout(deadline.left())
    sock.sendall(http.send(h11.Request(method="CONNECT", target=target, headers=headers)) or b"")
    sock.sendall(http.send(h11.EndOfMessage()) or b"")
    while True:
        try:
            event = http.next_event()
        except h11.RemoteProtocolError as error:
            raise ProxyError("proxy_not_http", error=str(error)) from error
        if isinstance(event, h11.Response):
            if not 200 <= event.status_code < 300:
                answer = f"{event.status_code} {event.reason.decode('ascii', 'replace')}".rstrip()
                raise ProxyError("proxy_refused", answer=answer)
            return http.trailing_data[0]
        if event is h11.NEED_DATA:
            sock.settimeout(deadline.left())
            http.receive_data(sock.recv(4096))
