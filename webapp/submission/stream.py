"""What arrives on a connection, byte by byte: commands that end as they must, and the content of one message.

Only CR LF ends a line, in commands as in content. Whatever else some server takes for a line break or for the end of
the content (a bare LF or CR) is refused and never passed on, so no server behind Mailroom can read a second message
in it (SMTP smuggling, CVE-2023-51764).
"""

import re
from dataclasses import dataclass

from webapp.submission.replies import Refusal

CRLF, END = b"\r\n", b"\r\n.\r\n"
# Of a line, without its end (RFC 5322, 2.1.1). Servers that mail goes through needn't accept longer ones.
MAX_LINE = 998
MAX_HOPS = 50
# After these the client must wait for the reply (RFC 2920, 3.1; RFC 3207, 4).
_BARRIER = re.compile(rb"^[ \t]*(?:DATA|STARTTLS)[ \t]*\r\n", re.IGNORECASE | re.MULTILINE)
# What follows it is content that must not be read as commands.
_CHUNK = re.compile(rb"^[ \t]*BDAT[ \t]", re.IGNORECASE | re.MULTILINE)
# As much of an unfinished line as a barrier may have.
_KEPT = 20
# With the end of the line before: tried at every byte, it would take minutes.
_LONG_LINE = re.compile(rb"\n[^\r\n]{%d}" % (MAX_LINE + 1))
_BARE = re.compile(rb"(?<!\r)\n|\r(?!\n)")
_BARE_ENDS = (b"\n.\n", b"\r.\r", b"\n.\r\n")
_RECEIVED = re.compile(rb"^received:", re.IGNORECASE | re.MULTILINE)


class CommandGuard:
    """Looks at the bytes of commands before anything reads them."""

    def __init__(self) -> None:
        self._unfinished = b""
        # Set while a command waits for its reply after which the client may go on.
        self._waits = False

    def replied(self) -> None:
        """Let the client go on: it has the reply that it must wait for."""
        self._waits = False

    def check(self, data: bytes) -> None:
        """Take the next bytes. Raises Refusal, after which nothing of the connection may be read."""
        text = self._unfinished + data
        # A CR at the end may be half of a CR LF.
        if b"\0" in data or _BARE.search(text[:-1] if text.endswith(b"\r") else text):
            raise Refusal("line_end", "521 5.5.2 Commands must end with CR LF and contain neither CR, LF nor NUL")
        if _CHUNK.search(text):
            raise Refusal("protocol", "521 5.5.1 BDAT is not supported; use DATA")
        barrier = _BARRIER.search(text)
        if self._waits or (barrier and barrier.end() < len(text)):
            raise Refusal("pipelining", "521 5.5.1 Wait for the reply to DATA or STARTTLS before you send more")
        self._waits = barrier is not None
        unfinished = text.rpartition(b"\n")[2]
        self._unfinished = unfinished[:_KEPT] + (b"\r" if unfinished[_KEPT:].endswith(b"\r") else b"")


@dataclass
class Budget:
    """Bytes of unfinished messages that all connections together may hold."""

    total: int
    used: int = 0


class Content:
    """The content of one message while it arrives."""

    def __init__(self, limit: int, budget: Budget) -> None:
        """Take at most `limit` bytes, and count them in the budget until it is closed."""
        self._limit, self._budget = limit, budget
        # As if the line before had just ended.
        self._data = bytearray(CRLF)
        self._held = 0
        self._discarded = 0
        self._refusal: Refusal | None = None

    def feed(self, data: bytes) -> bytes | None:
        """Take the next bytes; return what comes after the end of the content, or None before the end."""
        searched = max(0, len(self._data) - len(END))
        self._data += data
        end = self._data.find(END, searched)
        if end >= 0:
            rest = bytes(self._data[end + len(END) :])
            del self._data[end + len(CRLF) :]
            self._reserve()
            return rest
        self._reserve()
        return None

    @property
    def is_lost(self) -> bool:
        """Whether the client doesn't know how content ends, or sends on and on: it waits for a reply, or has none."""
        return self._discarded > 4 * self._limit or self._data.endswith(_BARE_ENDS)

    def lost_refusal(self) -> Refusal:
        """Return why content that has no end is refused."""
        return self._refusal or _bare(bytes(self._data))

    def finished(self) -> bytes:
        """Return the content without the dots that were added for the transfer. Raises Refusal."""
        if self._refusal:
            raise self._refusal
        data = bytes(self._data)
        number = data.count(CRLF)
        if data.count(b"\n") != number or data.count(b"\r") != number:
            raise _bare(data)
        if b"\0" in data:
            raise Refusal("content", f"554 5.6.0 Line {_line_of(data, data.index(0))} contains a NUL")
        if long := _LONG_LINE.search(data):
            raise Refusal(
                "content",
                f"554 5.6.0 Line {_line_of(data, long.end())} is longer than {MAX_LINE} bytes;"
                " encode the text as quoted-printable or base64",
            )
        if len(_RECEIVED.findall(data, 0, max(0, data.find(CRLF + CRLF)))) > MAX_HOPS:
            raise Refusal("loop", f"554 5.4.6 The email has passed more than {MAX_HOPS} servers; it seems to go round")
        return data.replace(b"\r\n.", CRLF)[len(CRLF) :]

    def close(self) -> None:
        """Forget the content."""
        self._budget.used -= self._held
        self._held = 0
        self._data.clear()

    def _reserve(self) -> None:
        """Count what is held; from the first byte too many, keep only what shows where the content ends."""
        grown = len(self._data) - self._held
        if self._refusal is None and len(self._data) > self._limit + len(CRLF):
            self._refusal = too_big(self._limit)
        elif self._refusal is None and self._budget.used + grown > self._budget.total:
            self._refusal = Refusal("memory", "452 4.3.1 Too many large emails arrive at once; try again later")
        if self._refusal:
            self._discarded += grown
            del self._data[: -len(END)]
            grown = len(self._data) - self._held
        self._held += grown
        self._budget.used += grown


def too_big(limit: int) -> Refusal:
    """Return the refusal of a message with more than `limit` bytes."""
    return Refusal("size", f"552 5.3.4 The email is too big; at most {limit} bytes are accepted")


def _bare(data: bytes) -> Refusal:
    found = _BARE.search(data)
    where = f"Line {_line_of(data, found.start())} has a CR or LF alone" if found else "A line has a CR or LF alone"
    return Refusal("line_end", f"554 5.6.0 {where}; lines must end with CR LF")


def _line_of(data: bytes, position: int) -> int:
    # The first line break is ours.
    return max(1, data.count(b"\n", 0, position))
