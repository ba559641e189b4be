"""Password hashing with argon2id.

A password is the same whichever way a keyboard composes its characters (NFKC; NIST SP 800-63B).
"""

import base64
import os
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from webapp.core.errors import Overloaded

# The library's defaults: the second recommended option of RFC 9106.
_hasher = PasswordHasher()
# Each hash takes 64 MiB and all it can get of several cores, so more at once would only slow down everything else.
_places = threading.BoundedSemaphore(os.cpu_count() or 1)


# Seconds to wait for one of these places.
PATIENCE = 10.0


def use_hasher(hasher: PasswordHasher) -> None:
    """Hash with other parameters than the library's from now on; tests choose cheap ones."""
    global _hasher
    _hasher = hasher


def hash_password(password: str) -> str:
    """Return the hash to store. Takes a tenth of a second on purpose: call it outside of transactions.

    Raises Overloaded when too many others wait for the same.
    """
    with _place():
        return _hasher.hash(normalise(password))


def verify(password: str, stored_hash: str | None) -> bool:
    """Return whether this is the password of the stored hash. Takes the same time when there is none.

    Raises Overloaded when too many others wait for the same.
    """
    try:
        with _place():
            return _hasher.verify(stored_hash or _unmatchable_hash(), normalise(password)) and stored_hash is not None
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(stored_hash: str) -> bool:
    """Return whether the hash was made with other parameters than those in use now."""
    return _hasher.check_needs_rehash(stored_hash)


def normalise(password: str) -> str:
    """Return the password as it is hashed and compared."""
    # A pasted password may end in a line break.
    return unicodedata.normalize("NFKC", password.strip("\r\n"))


@contextmanager
def _place() -> Iterator[None]:
    if not _places.acquire(timeout=PATIENCE):
        raise Overloaded
    try:
        yield
    finally:
        _places.release()


def _unmatchable_hash() -> str:
    """Return a hash that costs as much to verify as any other, and that no known password has."""
    salt, digest = (base64.b64encode(bytes(size)).decode().rstrip("=") for size in (_hasher.salt_len, _hasher.hash_len))
    cost = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${digest}"
