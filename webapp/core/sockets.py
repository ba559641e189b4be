"""Connect to a server: directly, through an HTTP proxy (CONNECT) or through SOCKS5."""

import base64
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import h11
from python_socks import ProxyType
from python_socks.sync import Proxy as SocksProxy

from webapp.core.network_errors import NO_ROUTE, NameServiceTimeout, ProxyError

MAX_PROXY_RESPONSE_SIZE = 16 * 1024


@dataclass(frozen=True)
class Proxy:
    """The address of a proxy and its credentials. `type` is `http` or `socks5`."""

    type: str
    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)


def resolve(host: str, port: int, timeout: float) -> list[tuple[Any, ...]]:
    """Return the addresses of a host, as `socket.getaddrinfo` does.

    The system's resolver has no timeout, so it runs in a thread that is abandoned if it does not answer in
    time. Raises socket.gaierror, UnicodeError or NameServiceTimeout.
    """
    found: list[tuple[Any, ...]] = []
    failed: list[Exception] = []

    def ask() -> None:
        try:
            found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            failed.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(timeout)
    if failed:
        raise failed[0]
    if not found:
        raise NameServiceTimeout("name_service_timeout", seconds=f"{timeout:g}")
    return found


def connect(addresses: list[tuple[Any, ...]], timeout: float) -> socket.socket:
    """Connect to the first address that answers, all within `timeout` seconds.

    Each address gets a share of the time, so that a broken IPv6 route does not use all of it.
    Raises the OSError of the first address that has a route, else of the first, if none answers in time.
    """
    errors: list[OSError] = []
    end = time.monotonic() + timeout
    for position, (family, kind, protocol, _name, address) in enumerate(addresses):
        try:
            left = left_until(end)
            return _connect_socket(
                socket.socket(family, kind, protocol), address, max(0.5, left / (len(addresses) - position))
            )
        except OSError as error:
            errors.append(error)
    # Without IPv6 on this machine, an IPv6 address says nothing about the server.
    raise next((error for error in errors if error.errno not in NO_ROUTE), errors[0])


def left_until(end: float) -> float:
    """Return the seconds until a time of the monotonic clock. Raises TimeoutError if it has passed."""
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


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


def connect_through_proxy(proxy: Proxy, host: str, port: int, timeout: float) -> tuple[socket.socket, bytes]:
    """Connect to a host through a proxy; return the connection and what the server already sent on it.

    The proxy resolves the host. Everything together takes at most `timeout` seconds. Raises ProxyError or
    another OSError.
    """
    end = time.monotonic() + timeout
    if proxy.type == "socks5":
        socks = SocksProxy(
            ProxyType.SOCKS5, proxy.host, proxy.port, proxy.username or None, proxy.password or None, rdns=True
        )
        try:
            return socks.connect(host, port, timeout=timeout), b""
        except OSError:
            raise
        except Exception as error:  # python-socks' own errors are not OSErrors
            raise ProxyError("proxy_failed", error=str(error)) from error
    sock = connect(resolve(proxy.host, proxy.port, timeout), left_until(end))
    try:
        return sock, _open_tunnel(sock, proxy, f"[{host}]:{port}" if ":" in host else f"{host}:{port}", end)
    except BaseException:
        sock.close()
        raise


def _open_tunnel(sock: socket.socket, proxy: Proxy, target: str, end: float) -> bytes:
    """Request a tunnel (RFC 9110, 9.3.6); return what follows the proxy's response, as the server sent it."""
    headers = [("Host", target)]
    if proxy.username:
        credentials = base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
        headers.append(("Proxy-Authorization", f"Basic {credentials}"))
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_PROXY_RESPONSE_SIZE)
    sock.settimeout(left_until(end))
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
            sock.settimeout(left_until(end))
            http.receive_data(sock.recv(4096))
