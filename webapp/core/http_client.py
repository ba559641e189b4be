"""One request to a web server that is not ours: bounded in time and size, never redirected.

Built on h11 and our own connections, because the timeouts of HTTP libraries are for each packet:
a server that drips would hold a worker for as long as it likes.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

import h11

from webapp.core.network_errors import NetworkError, classify
from webapp.core.sockets import Proxy, connect, connect_through_proxy, left_until, resolve

# Seconds for everything: looking up, connecting, TLS, asking and the whole answer.
TIMEOUT = 15
MAX_RESPONSE_SIZE = 256 * 1024
MAX_HEAD_SIZE = 64 * 1024


class InvalidUrl(ValueError):
    """No address that secrets may be sent to."""


class InvalidResponse(NetworkError):
    """The response is missing, not HTTP, or too large."""


class NotSent(NetworkError):
    """The server was not reached, so it knows nothing of the request. Described like its cause."""


@dataclass(frozen=True)
class Response:
    """What came back. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def check_address(address: str) -> SplitResult:
    """The parts of an https address, or of an http one on this machine. Raises InvalidUrl."""
    try:
        parts = urlsplit(address)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidUrl(str(error)) from error
    if not host or parts.username is not None or not address.isascii() or not address.isprintable() or " " in address:
        raise InvalidUrl("no whole web address")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise InvalidUrl("not https")
    return parts


def origin_of(address: str) -> str:
    """Scheme, host and port, as browsers write them in `Origin` (RFC 6454, 6.2). Raises ValueError."""
    parts = urlsplit(address)
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in (None, usual) else "")


def is_loopback(host: str) -> bool:
    """Whether this host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def post(address: str, headers: Mapping[str, str], body: bytes, proxy: Proxy | None = None) -> Response:
    """POST and read the whole answer, all within TIMEOUT seconds.

    Redirects are answers like others. An http address is this machine's own, which no proxy reaches,
    so it is asked directly. Raises InvalidUrl, NotSent, or another OSError once the server may have
    got the request.
    """
    return _answer("POST", address, headers, body, proxy)


def get(address: str, headers: Mapping[str, str], proxy: Proxy | None = None) -> Response:
    """GET, otherwise as `post`."""
    return _answer("GET", address, headers, b"", proxy)


def _answer(method: str, address: str, headers: Mapping[str, str], body: bytes, proxy: Proxy | None) -> Response:
    parts = check_address(address)
    end = time.monotonic() + TIMEOUT
    try:
        sock, said = _connected(parts, proxy, end)
    except (OSError, ValueError) as error:
        code, params = classify(error)
        raise NotSent(code, **params) from error
    with sock:
        return _exchange(sock, said, _request(method, parts, headers, body), body, end)


def _connected(parts: SplitResult, proxy: Proxy | None, end: float) -> tuple[socket.socket, bytes]:
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    said = b""
    if proxy is None or parts.scheme == "http":
        sock = connect(resolve(host, port, left_until(end)), left_until(end))
    else:
        sock, said = connect_through_proxy(proxy, host, port, left_until(end))
    if parts.scheme == "http":
        return sock, said
    try:
        sock.settimeout(left_until(end))
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context.wrap_socket(sock, server_hostname=host), b""
    except BaseException:
        sock.close()
        raise


def _request(method: str, parts: SplitResult, headers: Mapping[str, str], body: bytes) -> h11.Request:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = parts.netloc
    ours = {"Host": host, "Content-Length": str(len(body)), "Connection": "close", "User-Agent": "Mailroom"}
    return h11.Request(method=method, target=target, headers=[*{**headers, **ours}.items()])


def _exchange(sock: socket.socket, said: bytes, request: h11.Request, body: bytes, end: float) -> Response:
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_SIZE)
    sock.settimeout(left_until(end))
    sock.sendall((http.send(request) or b"") + (http.send(h11.Data(data=body)) or b""))
    http.send(h11.EndOfMessage())
    if said:
        http.receive_data(said)
    status, headers, content = 0, {}, bytearray()
    try:
        while not isinstance(event := http.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                sock.settimeout(left_until(end))
                said = sock.recv(16 * 1024)
                if not said and not status:
                    raise InvalidResponse("response_missing")
                http.receive_data(said)
            elif isinstance(event, h11.Response):
                status = event.status_code
                headers = {name.decode(): value.decode("latin-1") for name, value in event.headers}
            elif isinstance(event, h11.Data):
                content += event.data
                if len(content) > MAX_RESPONSE_SIZE:
                    raise InvalidResponse("response_too_large", limit=str(MAX_RESPONSE_SIZE))
    except h11.RemoteProtocolError as error:
        # Not h11's own text: it quotes what a server said that need not be one for us.
        raise InvalidResponse("response_not_http") from error
    return Response(status, headers, bytes(content))
