"""How passwords are kept: argon2id with the library's parameters.

A password is the same whichever way a keyboard builds its characters (NFKC; NIST SP 800-63B).
What makes one good enough is in `rules`.
"""

import base64
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_hasher = PasswordHasher()


def use_hasher(hasher: PasswordHasher) -> None:
    """Hash with other parameters from now on."""
    global _hasher
    _hasher = hasher


def hash_password(password: str) -> str:
    """The hash to keep. Takes a tenth of a second on purpose: call it outside of transactions."""
    return _hasher.hash(normalised(password))


def verify(password: str, kept: str | None) -> bool:
    """Whether this is the password of the kept hash; takes the same time when there is none."""
    try:
        return _hasher.verify(kept or _nobodys(), normalised(password)) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(kept: str) -> bool:
    """Whether the hash was made with other parameters than are in use now."""
    return _hasher.check_needs_rehash(kept)


def _nobodys() -> str:
    """A hash that costs what every other does and that no known password has."""
    salt, digest = (base64.b64encode(bytes(size)).decode().rstrip("=") for size in (_hasher.salt_len, _hasher.hash_len))
    costs = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"


def normalised(password: str) -> str:
    """The password as it is hashed and compared."""
    # A line break at the end came along when it was pasted.
    return unicodedata.normalize("NFKC", password.strip("\r\n"))
