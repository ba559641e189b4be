"""Secrets at rest: sealed with keys derived from the secret key, opened only for their own purpose."""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any, Final, Protocol

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

# The mark of a column whose values are sealed: `mapped_column(info=SEALED)`; see webapp.core.keys.columns.
SEALED: Final[dict[Any, Any]] = {"sealed": True}


class CannotUnseal(Exception):
    """A sealed value cannot be opened with any of the keys, or was sealed for another purpose."""


def derive(key: str, purpose: str) -> bytes:
    """32 bytes for one purpose from a secret key (HKDF-SHA256, RFC 5869)."""
    return HKDF(hashes.SHA256(), 32, salt=None, info=f"mailroom {purpose}".encode()).derive(key.encode())


def sha256_hex(secret: str) -> str:
    """What is kept of a random secret that is only compared: its SHA-256, in hex. Nobody tries 256 bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Sealer(Protocol):
    """What keeps secrets for one purpose each, whatever keys it has."""

    def seal(self, value: str, purpose: str) -> str:
        """Encrypt a value for one purpose, such as `mail_server.password`."""

    def open(self, sealed: str, purpose: str) -> str:
        """The value again. Raises SealBroken when the key is gone or the purpose differs.

        The purpose keeps a sealed value, moved to another column by someone who can write to
        the database, from being opened as something else.
        """

    def marks(self, text: str, purpose: str) -> list[str]:
        """The keyed hashes of a text, one for each key, that of the key in force first.

        For what is too short for a plain hash: without the key nobody can try what fits.
        """


class KeySealer:
    """A Sealer with these keys: it seals with the first one and opens with any."""

    def __init__(self, keys: Sequence[str]) -> None:
        fernets = [Fernet(base64.urlsafe_b64encode(derive(key, "sealing"))) for key in keys]
        self._first, self._fernet = fernets[0], MultiFernet(fernets)
        self._marking = [derive(key, "codes") for key in keys]

    def seal(self, value: str, purpose: str) -> str:
        """Encrypt a value for one purpose."""
        return self._fernet.encrypt(json.dumps([purpose, value], ensure_ascii=False).encode()).decode()

    def open(self, sealed: str, purpose: str) -> str:
        """The value again. Raises SealBroken."""
        try:
            sealed_for, value = json.loads(self._fernet.decrypt(sealed.encode()))
        except InvalidToken as error:
            raise CannotUnseal(f"No key in MAILROOM_SECRET_KEY opens the saved {purpose}.") from error
        if sealed_for != purpose:
            raise CannotUnseal(f"The saved {purpose} was sealed as {sealed_for}.")
        return str(value)

    def opens(self, sealed: str) -> bool:
        """Whether any of the keys opens it."""
        return _opens(self._fernet, sealed)

    def is_current(self, sealed: str) -> bool:
        """Whether the first key opens it."""
        return _opens(self._first, sealed)

    def resealed(self, sealed: str) -> str:
        """The same value for the same purpose under the first key. Raises SealBroken."""
        try:
            return self._fernet.rotate(sealed.encode()).decode()
        except InvalidToken as error:
            raise CannotUnseal("No key opens the value.") from error

    def marks(self, text: str, purpose: str) -> list[str]:
        """The keyed hashes of a text: HMAC-SHA256, in hex."""
        message = json.dumps([purpose, text]).encode()
        return [hmac.digest(key, message, "sha256").hex() for key in self._marking]


def _opens(fernet: Fernet | MultiFernet, sealed: str) -> bool:
    try:
        fernet.decrypt(sealed.encode())
    except InvalidToken:
        return False
    return True
