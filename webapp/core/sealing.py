"""Encrypt secrets at rest, each for one purpose."""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any, Final, Protocol

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy.orm import Session

# Marks a column with sealed values: `mapped_column(info=SEALED)`; see webapp.core.keys.columns.
SEALED: Final[dict[Any, Any]] = {"sealed": True}


class CannotUnseal(Exception):
    """No key opens a sealed value, or it was sealed for another purpose."""


def derive(key: str, purpose: str) -> bytes:
    """Derive 32 bytes for one purpose from a key (HKDF-SHA256, RFC 5869)."""
    return HKDF(hashes.SHA256(), 32, salt=None, info=f"mailroom {purpose}".encode()).derive(key.encode())


def sha256_hex(secret: str) -> str:
    """Hash a random secret that only has to be compared. It has too many bits to be guessed, so no key is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Sealer(Protocol):
    """Encrypts and decrypts secrets, each for one purpose."""

    def seal(self, value: str, purpose: str) -> str:
        """Encrypt a value for one purpose, such as `mail_server.password`."""

    def open(self, sealed: str, purpose: str) -> str:
        """Decrypt a value. Raises CannotUnseal if the key is missing or the purpose differs.

        The purpose keeps an attacker who can write to the database from moving a sealed value to another
        column and having it opened there.
        """

    def lookup_hashes(self, text: str, purpose: str) -> list[str]:
        """Return the keyed hashes of a text, one for each key, that of the current key first.

        For texts so short that a plain hash could be reversed by trying all of them.
        """

    def derive_secrets(self, text: str, purpose: str) -> list[bytes]:
        """Return 32 bytes made from a text and each key, that of the current key first; the same each time.

        For secrets that are needed again, and therefore must be made again, as they are not stored.
        """

    def with_present_keys(self) -> "Sealer":
        """Return a sealer that doesn't look for newer keys: for many texts at once."""

    def for_commit(self, session: Session) -> "Sealer":
        """Return a sealer with the key that is current at the commit: for values that are written by statements."""


class KeySealer:
    """A Sealer that seals with the first of its keys and opens with any of them."""

    def __init__(self, keys: Sequence[str]) -> None:
        fernets = [Fernet(base64.urlsafe_b64encode(derive(key, "sealing"))) for key in keys]
        self._first, self._fernet = fernets[0], MultiFernet(fernets)
        self._hash_keys = [derive(key, "codes") for key in keys]
        self._secret_keys = [derive(key, "derived secrets") for key in keys]

    def seal(self, value: str, purpose: str) -> str:
        """Encrypt a value for one purpose."""
        return self._fernet.encrypt(json.dumps([purpose, value], ensure_ascii=False).encode()).decode()

    def open(self, sealed: str, purpose: str) -> str:
        """Decrypt a value. Raises CannotUnseal."""
        try:
            sealed_for, value = json.loads(self._fernet.decrypt(sealed.encode()))
        except InvalidToken as error:
            raise CannotUnseal(f"MAILROOM_SECRET_KEY can't decrypt the saved {purpose}.") from error
        if sealed_for != purpose:
            raise CannotUnseal(f"The saved {purpose} was sealed as {sealed_for}.")
        return str(value)

    def opens(self, sealed: str) -> bool:
        """Return whether any of the keys opens the value."""
        return _opens(self._fernet, sealed)

    def is_current(self, sealed: str) -> bool:
        """Return whether the first key opens the value."""
        return _opens(self._first, sealed)

    def reseal(self, sealed: str) -> str:
        """Encrypt the value again, with the first key. Raises CannotUnseal."""
        try:
            return self._fernet.rotate(sealed.encode()).decode()
        except InvalidToken as error:
            raise CannotUnseal("No key opens the value.") from error

    def lookup_hashes(self, text: str, purpose: str) -> list[str]:
        """Return the keyed hashes of a text: HMAC-SHA256, in hex."""
        return [one.hex() for one in _hmacs(self._hash_keys, purpose, text)]

    def derive_secrets(self, text: str, purpose: str) -> list[bytes]:
        """Return secrets made from a text: HMAC-SHA256."""
        return _hmacs(self._secret_keys, purpose, text)

    def with_present_keys(self) -> "KeySealer":
        """Return this."""
        return self

    def for_commit(self, session: Session) -> "KeySealer":
        """Return this."""
        return self


def _hmacs(keys: Sequence[bytes], purpose: str, text: str) -> list[bytes]:
    message = json.dumps([purpose, text]).encode()
    return [hmac.digest(key, message, "sha256") for key in keys]


def _opens(fernet: Fernet | MultiFernet, sealed: str) -> bool:
    try:
        fernet.decrypt(sealed.encode())
    except InvalidToken:
        return False
    return True
