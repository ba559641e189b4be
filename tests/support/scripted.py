"""A mail server on loopback that replies as a test wants, stalls or drops the connection.

    with ScriptedServer(replies={"RCPT": "550 5.1.1 No such user"}) as server:
        ...  # connect to server.host, server.port

The points of a conversation, for `replies`, `stall_at`, `drop_at` and `endless_at`:
GREETING EHLO HELO STARTTLS TLS AUTH MAIL RCPT DATA END (after the final dot) RSET QUIT NOOP.
"""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Literal, Self

Reply = str | bytes
DEFAULTS: dict[str, Reply] = {
    "GREETING": "220 scripted.example ESMTP",
    "HELO": "250 scripted.example",
    "STARTTLS": "220 2.0.0 Ready to start TLS",
    "AUTH": "235 2.7.0 Authentication successful",
    "MAIL": "250 2.1.0 Ok",
    "RCPT": "250 2.1.5 Ok",
    "DATA": "354 End data with <CR><LF>.<CR><LF>",
    "END": "250 2.0.0 Ok: queued as 4FZk5c",
    "RSET": "250 2.0.0 Ok",
    "NOOP": "250 2.0.0 Ok",
    "QUIT": "221 2.0.0 Bye",
}
CHALLENGES = {"LOGIN": ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"], "CRAM-MD5": ["334 PDE4OTYuNjk3MTdAZXhhbXBsZT4="]}


class ScriptedServer:
    """The server, a context manager. It listens once created.

    `replies` replaces the defaults, by point. Text may have several lines, separated by line breaks or "⏎"; bytes are
    sent as they are. The entries of a list are used in turn, the last one repeatedly. For AUTH, text is the end of the
    exchange, after the usual challenges; a list is the whole exchange. "AUTH PLAIN" and the like is the reply to that
    mechanism at once.
    With `only_for`, `stall_at` and `drop_at` happen only to messages for this recipient.
    `tls` needs the server's context as `certificate`; `stall_at="TLS"` never answers the handshake. `smuggled` is plain
    text sent in one segment with the reply to STARTTLS. `drip` is the number of seconds between any two bytes.
    `mechanisms` is what EHLO offers (after encryption, if there is TLS). Without `pipelining`, it doesn't offer that.
    `address` is an address of this machine.
    """

    host = "localhost"

    def __init__(
        self,
        replies: Mapping[str, Reply | Sequence[Reply]] | None = None,
        *,
        tls: Literal["starttls", "tls"] | None = None,
        certificate: ssl.SSLContext | None = None,
        mechanisms: str = "PLAIN LOGIN",
        stall_at: str = "",
        drop_at: str = "",
        only_for: str = "",
        endless_at: str = "",
        drip: float = 0,
        smuggled: bytes = b"",
        pipelining: bool = True,
        address: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.tls, self.certificate, self.mechanisms = tls, certificate, mechanisms
        self.stall_at, self.drop_at, self.endless_at = stall_at, drop_at, endless_at
        self.drip, self.smuggled, self.only_for = drip, smuggled, only_for
        self.pipelining = pipelining
        # All command lines of all connections, and all messages as received, with their dots.
        self.received: list[str] = []
        self.messages: list[bytes] = []
        # Errors of TLS handshakes.
        self.errors: list[str] = []
        self._replies = {point: _as_list(reply) for point, reply in (replies or {}).items()}
        auth = (replies or {}).get("AUTH", "")
        self.exchange = None if isinstance(auth, str | bytes) else list(auth)
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._conversations: list[_Conversation] = []
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.create_server((address, port), family=family)
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def connections(self) -> int:
        """The number of connections so far."""
        return len(self._conversations)

    @property
    def commands(self) -> list[str]:
        """The commands received so far, in upper case."""
        return [line.split(" ")[0].upper() for line in self.received]

    def close(self) -> None:
        """Stop listening, drop all connections, and wait for the threads."""
        self._closing.set()
        self.hang_up()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def has_lost_all(self, seconds: float) -> bool:
        """Wait so long until the clients of all connections have left; return whether they have."""
        end = time.monotonic() + seconds
        while not (lost := all(one.is_lost for one in self._conversations)) and time.monotonic() < end:
            self._closing.wait(0.05)
        return lost

    def hang_up(self) -> None:
        """Drop all connections, as a server does that was started again."""
        for conversation in self._conversations:
            conversation.close()

    def reply_at(self, point: str) -> Reply | None:
        """Return the next reply of the test at this point, if there is one."""
        with self._lock:
            given = self._replies.get(point)
            if not given:
                return None
            return given.pop(0) if len(given) > 1 else given[0]

    def pause(self, seconds: float) -> None:
        """Wait. Raises ConnectionAbortedError if the server is closed meanwhile."""
        if self._closing.wait(seconds):
            raise ConnectionAbortedError("the server is closed")

    def _accept(self) -> None:
        self._listener.settimeout(0.05)
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _address = self._listener.accept()
                connection.settimeout(None)
                # Otherwise a reply in several parts waits for the client's system to acknowledge the first.
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._conversations.append(_Conversation(self, connection))
                self._start(self._conversations[-1].run)

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name="scripted", daemon=True)
        self._threads.append(thread)
        thread.start()


class _Conversation:
    """One connection."""

    def __init__(self, server: ScriptedServer, sock: socket.socket) -> None:
        self.server = server
        self.sock = sock
        self.encrypted = False
        self._buffer = b""
        self._recipient = ""
        # Whether the present message has a recipient.
        self._accepted = False

    def run(self) -> None:
        """Reply until either side closes the connection."""
        try:
            self._talk()
        except ssl.SSLError as error:
            self.server.errors.append(str(error))
        except OSError:
            pass
        finally:
            self.sock.close()

    @property
    def is_lost(self) -> bool:
        """Whether the client has closed the connection."""
        try:
            return self.sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def close(self) -> None:
        """Close the connection from another thread."""
        with contextlib.suppress(OSError):
            # The socket's own shutdown: that of TLS would break a reader in another thread.
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)

    def _talk(self) -> None:
        if self.server.tls == "tls":
            self._encrypt()
        self._say("GREETING")
        for line in self._lines():
            self.server.received.append(line)
            verb = line.split(" ")[0].upper()
            if verb == "RCPT":
                self._recipient = line
            if verb == "AUTH":
                self._sign_in(line)
            elif verb == "DATA":
                self._take_message()
            elif verb == "STARTTLS":
                if self._say("STARTTLS").startswith(b"220"):
                    self._encrypt()
            elif verb in DEFAULTS or verb == "EHLO":
                self._say(verb)
            else:
                self._send(b"502 5.5.2 Error: command not recognized\r\n")
            if verb == "QUIT":
                return

    def _say(self, point: str) -> bytes:
        reply = self.server.reply_at(point)
        if reply is None and point in ("DATA", "END") and not self._accepted:
            reply = "554 5.5.1 No valid recipients"
        if reply is None:
            reply = self._capabilities() if point == "EHLO" else DEFAULTS[point]
        said = self._answer(point, reply)
        if point in ("MAIL", "RCPT"):
            self._accepted = point == "RCPT" and said.startswith(b"250")
        return said

    def _answer(self, point: str, reply: Reply) -> bytes:
        """Reply at this point, or stall, drop or never end there if the test wants it."""
        self._obey(point)
        data = _encoded(reply) + (self.server.smuggled if point == "STARTTLS" else b"")
        self._send(data)
        return data

    def _obey(self, point: str) -> None:
        server = self.server
        is_meant = server.only_for in self._recipient
        if is_meant and point == server.stall_at:
            server.pause(60)
        if is_meant and point == server.drop_at:
            raise ConnectionAbortedError("the test drops the connection here")
        while point == server.endless_at:
            self._send(b"250-and more\r\n")

    def _capabilities(self) -> str:
        lines = ["scripted.example", "SIZE 35882577", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8"]
        if self.server.pipelining:
            lines.append("PIPELINING")
        if self.server.tls == "starttls" and not self.encrypted:
            lines.append("STARTTLS")
        elif self.server.mechanisms:
            lines.append(f"AUTH {self.server.mechanisms}")
        return "\n".join([*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}"])

    def _encrypt(self) -> None:
        assert self.server.certificate is not None, "a server with TLS needs a certificate"
        self._obey("TLS")
        self.sock = self.server.certificate.wrap_socket(self.sock, server_side=True)
        self.encrypted = True
        self._buffer = b""

    def _sign_in(self, line: str) -> None:
        _auth, mechanism, *initial = line.split(" ")
        answers = self.server.exchange
        refusal = self.server.reply_at(f"AUTH {mechanism.upper()}")
        if refusal is not None:
            answers = [refusal]
        elif answers is None:
            challenges: list[Reply] = list(CHALLENGES.get(mechanism.upper(), [] if initial else ["334 "]))
            answers = [*challenges[len(initial) :], self.server.reply_at("AUTH") or DEFAULTS["AUTH"]]
        for number, answer in enumerate(answers):
            if number:
                self.server.received.append(next(self._lines()))
            self._answer("AUTH", answer)

    def _take_message(self) -> None:
        if not self._say("DATA").startswith(b"354"):
            return
        lines = iter(lambda: self._line() + b"\n", b".\r\n")
        self.server.messages.append(b"".join(lines))
        self._say("END")

    def _send(self, data: bytes) -> None:
        if not self.server.drip:
            self.sock.sendall(data)
            return
        for byte in data:
            self.sock.sendall(bytes([byte]))
            self.server.pause(self.server.drip)

    def _lines(self) -> Iterator[str]:
        while True:
            yield self._line().rstrip(b"\r").decode("utf-8", "backslashreplace")

    def _line(self) -> bytes:
        while b"\n" not in self._buffer:
            received = self.sock.recv(65536)
            if not received:
                raise ConnectionAbortedError("the client is gone")
            self._buffer += received
        line, _newline, self._buffer = self._buffer.partition(b"\n")
        return line


def _as_list(reply: Reply | Sequence[Reply]) -> list[Reply]:
    return [reply] if isinstance(reply, str | bytes) else list(reply)


def _encoded(reply: Reply) -> bytes:
    if isinstance(reply, bytes):
        return reply
    return "".join(f"{line}\r\n" for line in reply.replace("⏎", "\n").split("\n")).encode()
