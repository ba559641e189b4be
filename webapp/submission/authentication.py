"""AUTH PLAIN and LOGIN: the exchange in which a client gives its credentials (RFC 4616; draft-murchison-sasl-login)."""

import binascii
from base64 import b64decode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from webapp.submission.replies import Refusal

Challenge = Callable[[str], Awaitable[bytes | None]]


@dataclass(frozen=True)
class Credentials:
    """An identifier and a secret, as given."""

    identifier: str
    secret: str = field(repr=False)


async def read_credentials(argument: str | None, challenge: Challenge) -> Credentials | None:
    """Read the credentials of an AUTH command with this argument, asking for what it leaves out. Raises Refusal.

    `challenge` asks, and returns None if the client gave up or wrote no base64, which was replied to then.
    """
    words = (argument or "").split()
    if not 1 <= len(words) <= 2:
        raise Refusal("syntax", "501 5.5.4 Write AUTH PLAIN or AUTH LOGIN")
    initial = _decoded(words[1]) if len(words) == 2 else None
    mechanism = words[0].upper()
    if mechanism == "PLAIN":
        return await _plain(initial, challenge)
    if mechanism == "LOGIN":
        return await _login(initial, challenge)
    raise Refusal("syntax", "504 5.5.4 Only PLAIN and LOGIN are supported")


async def _plain(initial: bytes | None, challenge: Challenge) -> Credentials | None:
    given = await challenge("") if initial is None else initial
    if given is None:
        return None
    parts = given.split(b"\0")
    if len(parts) != 3:
        raise Refusal("syntax", "501 5.5.2 PLAIN needs an identifier and a secret, each after a NUL")
    return _credentials(parts[1], parts[2])


async def _login(initial: bytes | None, challenge: Challenge) -> Credentials | None:
    identifier = await challenge("Username:") if initial is None else initial
    if identifier is None:
        return None
    secret = await challenge("Password:")
    return None if secret is None else _credentials(identifier, secret)


def _credentials(identifier: bytes, secret: bytes) -> Credentials:
    # What isn't UTF-8 is no credential of ours, and refused like any other wrong one.
    return Credentials(identifier.decode(errors="replace"), secret.decode(errors="replace"))


def _decoded(word: str) -> bytes:
    if word == "=":
        return b""
    try:
        return b64decode(word.encode(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal("syntax", "501 5.5.2 This is not base64") from error
