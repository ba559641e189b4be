"""Send a request to another web server, with limits on time and size and without following redirects.

It is built on h11 and our own connections because HTTP libraries apply timeouts to each packet: a server that
sends one byte at a time could block a worker forever.
"""

import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

import h11

from webapp.core import tls
from webapp.core.deadlines import Deadline
from webapp.core.hosts import is_loopback
from webapp.core.network_errors import OTHER_HOST, NetworkError, classify
from webapp.core.sockets import Proxy, connect, connect_through_proxy, resolve

# Seconds for everything: resolving, connecting, TLS, the request and the whole response.
TIMEOUT = 15
MAX_RESPONSE_SIZE = 256 * 1024
MAX_HEAD_SIZE = 64 * 1024


class InvalidUrl(ValueError):
    """A URL to which no secrets may be sent."""


class InvalidResponse(NetworkError):
    """The response is missing, not HTTP, or too large."""


class NotSent(NetworkError):
    """The server was not reached, so it knows nothing of the request. Described like its cause."""


@dataclass(frozen=True)
class Response:
    """A response. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def parse_url(url: str) -> SplitResult:
    """Parse an https URL, or an http URL of this machine. Raises InvalidUrl."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidUrl(str(error)) from error
    if not host or parts.username is not None or not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidUrl("not a complete URL")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise InvalidUrl("not https")
    return parts


def origin_of(url: str) -> str:
    """Return the origin of a URL, as browsers send it in `Origin` (RFC 6454, 6.2). Raises ValueError."""
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in (None, default) else "")


def post(url: str, headers: Mapping[str, str], body: bytes, proxy: Proxy | None = None) -> Response:
    """Send a POST request and read the whole response within TIMEOUT seconds.

    A redirect is returned like any response. An http URL is this machine's own, which no proxy could reach, so
    it is requested directly. Raises InvalidUrl, NotSent, or another OSError if the server may have received
    the request.
    """
    return _send("POST", url, headers, body, proxy)


def get(url: str, headers: Mapping[str, str], proxy: Proxy | None = None, timeout: float | None = None) -> Response:
    """Send a GET request, otherwise like `post`; within `timeout` seconds if that is given."""
    return _send("GET", url, headers, b"", proxy, timeout)


def _send(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    proxy: Proxy | None,
    timeout: float | None = None,
) -> Response:
    parts = parse_url(url)
    deadline = Deadline(timeout or TIMEOUT)
    try:
        sock, received = _connect(parts, proxy, deadline)
        if parts.scheme == "https":
            sock, received = _encrypt(sock, parts.hostname or "", deadline), b""
    except (OSError, ValueError) as error:
        code, params = classify(error)
        if code in OTHER_HOST:
            params["names"] = _host_names(parts, proxy, deadline)
        raise NotSent(code, **params) from error
    with sock:
        return _exchange(sock, received, _request(method, parts, headers, body), body, deadline)


def _host_names(parts: SplitResult, proxy: Proxy | None, deadline: Deadline) -> str:
    """Return the hosts that the server's certificate is for, from a second connection on which nothing is sent."""
    with suppress(OSError):
        sock, _received = _connect(parts, proxy, deadline)
        with sock:
            return tls.presented_chain(sock, parts.hostname or "", deadline.left()).host_names
    return ""


def _connect(parts: SplitResult, proxy: Proxy | None, deadline: Deadline) -> tuple[socket.socket, bytes]:
    """Return a connection that isn't encrypted yet, and what was received on it."""
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if proxy is None or parts.scheme == "http":
        return connect(resolve(host, port, deadline.left()), deadline.left()), b""
    return connect_through_proxy(proxy, host, port, deadline)


def _encrypt(sock: socket.socket, host: str, deadline: Deadline) -> socket.socket:
    try:
        sock.settimeout(deadline.left())
        return tls.encrypt(sock, host)
    except BaseException:
        sock.close()
        raise


def _request(method: str, parts: SplitResult, headers: Mapping[str, str], body: bytes) -> h11.Request:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = parts.netloc
    ours = {"Host": host, "Content-Length": str(len(body)), "Connection": "close", "User-Agent": "Mailroom"}
    return h11.Request(method=method, target=target, headers=[*{**headers, **ours}.items()])


def _exchange(sock: socket.socket, received: bytes, request: h11.Request, body: bytes, deadline: Deadline) -> Response:
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_SIZE)
    sock.settimeout(deadline.left())
    sock.sendall((http.send(request) or b"") + (http.send(h11.Data(data=body)) or b""))
    http.send(h11.EndOfMessage())
    if received:
        http.receive_data(received)
    status, headers, content = 0, {}, bytearray()
    try:
        while not isinstance(event := http.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                sock.settimeout(deadline.left())
                received = sock.recv(16 * 1024)
                if not received and not status:
                    raise InvalidResponse("response_missing")
                http.receive_data(received)
            elif isinstance(event, h11.Response):
                status = event.status_code
                headers = {name.decode(): value.decode("latin-1") for name, value in event.headers}
            elif isinstance(event, h11.Data):
                content += event.data
                if len(content) > MAX_RESPONSE_SIZE:
                    raise InvalidResponse("response_too_large", limit=str(MAX_RESPONSE_SIZE))
    except h11.RemoteProtocolError as error:
        # h11's own message would quote the response of a server that may not be meant for us.
        raise InvalidResponse("response_not_http") from error
    return Response(status, headers, bytes(content))
