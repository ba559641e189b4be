"""Real proxies on loopback: HTTP CONNECT and SOCKS5, with or without authentication."""

import base64
import contextlib
import socket
import struct
import threading
from types import TracebackType
from typing import Self

ACCOUNT = ("proxy-user", "proxy pass: 1")


class Proxy:
    """The common part: accepts connections, connects to the target and passes bytes both ways."""

    host = "127.0.0.1"

    def __init__(self, account: tuple[str, str] | None = None) -> None:
        self.account = account
        self.targets: list[str] = []
        self._listener = socket.create_server((self.host, 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def handshake(self, client: socket.socket) -> socket.socket | None:
        """Negotiate the target with the client and connect to it; None refuses."""
        raise TypeError

    def connect(self, host: str, port: int) -> socket.socket:
        """Connect to the target."""
        self.targets.append(f"{host}:{port}")
        target = socket.create_connection((host, port), 5)
        self._sockets.append(target)
        return target

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            self._sockets.append(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError, KeyError):
            target = self.handshake(client)
            if target is None:
                client.close()
                return
            threading.Thread(target=_pump, args=(client, target), daemon=True).start()
            _pump(target, client)


class HttpProxy(Proxy):
    """CONNECT. Its response and the server's greeting may arrive in one segment, as from real proxies."""

    def handshake(self, client: socket.socket) -> socket.socket | None:
        """Follow RFC 9110, 9.3.6."""
        request = b""
        while b"\r\n\r\n" not in request:
            request += client.recv(4096)
        lines = request.decode().split("\r\n")
        if self.account:
            wanted = base64.b64encode(":".join(self.account).encode()).decode()
            if f"proxy-authorization: basic {wanted}".casefold() not in [line.casefold() for line in lines]:
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                return None
        host, _colon, port = lines[0].split(" ")[1].rpartition(":")
        target = self.connect(host, int(port))
        target.settimeout(0.3)
        try:
            greeting = target.recv(4096)
        except TimeoutError:
            greeting = b""
        target.settimeout(None)
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n" + greeting)
        return target


class Internet(HttpProxy):
    """A proxy that maps hosts of the internet, as `host:port`, to servers on this machine."""

    def __init__(self) -> None:
        self.servers: dict[str, int] = {}
        super().__init__()

    def connect(self, host: str, port: int) -> socket.socket:
        """Connect to the server that plays this host. Raises KeyError, which ends the connection, if there is none."""
        return super().connect("127.0.0.1", self.servers[f"{host}:{port}"])


class SocksProxy(Proxy):
    """SOCKS5 (RFC 1928, RFC 1929)."""

    def handshake(self, client: socket.socket) -> socket.socket | None:
        """Exchange greetings, check the account if there is one, and take the request."""
        _version, count = _exactly(client, 2)
        methods = _exactly(client, count)
        if self.account:
            if 2 not in methods:
                client.sendall(b"\x05\xff")
                return None
            client.sendall(b"\x05\x02")
            _one, length = _exactly(client, 2)
            name = _exactly(client, length).decode()
            password = _exactly(client, _exactly(client, 1)[0]).decode()
            good = (name, password) == self.account
            client.sendall(b"\x01\x00" if good else b"\x01\x01")
            if not good:
                return None
        else:
            client.sendall(b"\x05\x00")
        _version, _command, _zero, kind = _exactly(client, 4)
        host = _exactly(client, _exactly(client, 1)[0]).decode() if kind == 3 else socket.inet_ntoa(_exactly(client, 4))
        port: int = struct.unpack("!H", _exactly(client, 2))[0]
        target = self.connect(host, port)
        client.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        return target


def _exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        received = sock.recv(count - len(data))
        if not received:
            raise ConnectionResetError
        data += received
    return data


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
