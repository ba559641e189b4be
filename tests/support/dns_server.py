"""A name server on loopback, over UDP and TCP, with the records of a test, which can also make it misbehave.

    with NameServer({"shop.example": {"TXT": ["v=spf1 -all"], "MX": ["10 mx.shop.example"]}}) as server:
        ...  # ask server.address

It follows aliases (CNAME) that it knows, as a resolver does.
"""

import contextlib
import select
import socket
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Literal, Self

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from webapp.core import name_servers

Records = Mapping[str, Sequence[str]]
# What it does instead of an answer, by name: all names below that one as well.
Fault = Literal["servfail", "refused", "silent", "garbage", "other_id"]
MAX_UDP = 512
MAX_ALIASES = 8


class NameServer:
    """The server, a context manager. `asked` are all questions so far, such as ("shop.example", "TXT")."""

    def __init__(self, zones: Mapping[str, Records], faults: Mapping[str, Fault] | None = None) -> None:
        self.zones: dict[str, Records] = {name.lower(): records for name, records in zones.items()}
        self.faults = dict(faults or {})
        self.asked: list[tuple[str, str]] = []
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self._udp.bind(self._tcp.getsockname())
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._udp.sendto(b"", self._udp.getsockname())
        self._thread.join(5)
        self._udp.close()
        self._tcp.close()

    @property
    def address(self) -> name_servers.NameServer:
        """Where it listens."""
        return name_servers.NameServer(*self._udp.getsockname())

    @property
    def setting(self) -> str:
        """The value of MAILROOM_NAME_SERVERS."""
        return f"{self.address.address}:{self.address.port}"

    def _serve(self) -> None:
        while not self._closing.is_set():
            ready, _, _ = select.select([self._udp, self._tcp], [], [])
            if self._udp in ready:
                packet, client = self._udp.recvfrom(4096)
                if (reply := self._reply(packet, MAX_UDP)) is not None:
                    self._udp.sendto(reply, client)
            if self._tcp in ready:
                connection, _client = self._tcp.accept()
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(2)
                    size = int.from_bytes(connection.recv(2, socket.MSG_WAITALL))
                    reply = self._reply(connection.recv(size, socket.MSG_WAITALL), 65535)
                    if reply is not None:
                        connection.sendall(len(reply).to_bytes(2) + reply)

    def _reply(self, packet: bytes, most: int) -> bytes | None:
        try:
            query = dns.message.from_wire(packet)
        except dns.exception.DNSException:
            return None
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        reply = dns.message.make_response(query, recursion_available=True)
        fault = next((fault for end, fault in self.faults.items() if f".{name}".endswith(f".{end}")), None)
        if fault == "silent":
            return None
        if fault == "garbage":
            return b"\xff" * 40
        if fault == "other_id":
            reply.id ^= 1
        elif fault is not None:
            reply.set_rcode(dns.rcode.SERVFAIL if fault == "servfail" else dns.rcode.REFUSED)
        else:
            self._answer(reply, name, kind)
        wire = reply.to_wire()
        if len(wire) <= most:
            return wire
        reply.answer.clear()
        reply.flags |= dns.flags.TC
        return reply.to_wire()

    def _answer(self, reply: dns.message.Message, name: str, kind: str) -> None:
        for _number in range(MAX_ALIASES):
            records = self.zones.get(name)
            if records is None:
                if not any(known.endswith(f".{name}") for known in self.zones):
                    reply.set_rcode(dns.rcode.NXDOMAIN)
                return
            shown = "CNAME" if "CNAME" in records else kind
            texts = [_quoted(text) if shown == "TXT" else text for text in records.get(shown, ())]
            if texts:
                reply.answer.append(
                    dns.rrset.from_text_list(name + ".", 60, "IN", shown, texts, None, dns.name.root, False)
                )
            if shown != "CNAME":
                return
            name = texts[0].rstrip(".").lower()


def _quoted(text: str) -> str:
    """Return a TXT record as strings of at most 255 characters."""
    parts = [text[start : start + 255] for start in range(0, max(len(text), 1), 255)]
    return " ".join('"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in parts)
