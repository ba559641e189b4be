"""Password hashing with argon2id.

A password is the same whichever way a keyboard composes its characters (NFKC; NIST SP 800-63B).
"""

import base64
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# The library's defaults: the second recommended option of RFC 9106.
_hasher = PasswordHasher()


def use_hasher(hasher: PasswordHasher) -> None:
    """Hash with other parameters than the library's from now on; tests choose cheap ones."""
    global _hasher
    _hasher = hasher


def hash_password(password: str) -> str:
    """Return the hash to store. Takes a tenth of a second on purpose: call it outside of transactions."""
    return _hasher.hash(normalise(password))


def verify(password: str, stored_hash: str | None) -> bool:
    """Return whether this is the password of the stored hash. Takes the same time when there is none."""
    try:
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


def _unmatchable_hash() -> str:
    """Return a hash that costs as much to verify as any other, and that no known password has."""
    salt, digest = (base64.b64encode(bytes(size)).decode().rstrip("=") for size in (_hasher.salt_len, _hasher.hash_len))
    cost = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${digest}"
