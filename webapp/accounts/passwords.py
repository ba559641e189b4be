"""Passwords: what makes one good enough, and how it is kept (argon2id with the library's parameters).

The rules are those of NIST SP 800-63B: a length and nothing about its composition, and the same
password whichever way a keyboard builds its characters (NFKC).
"""

import base64
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from webapp.accounts.addresses import address_key
from webapp.errors import Failure
from webapp.texts import lazy_gettext as _

SHORTEST = 8
LONGEST = 256

_hasher = PasswordHasher()


class BadPassword(Failure):
    """The password breaks a rule; its text says which, in words."""


def check(password: str, email: str) -> None:
    """Whether the person with this address may have this password. Raises BadPassword."""
    length = len(_normalised(password))
    if length < SHORTEST:
        raise BadPassword(_("Too short: at least %(least)s characters.", least=SHORTEST))
    if length > LONGEST:
        raise BadPassword(_("Too long: at most %(most)s characters.", most=LONGEST))
    if address_key(_normalised(password)) == address_key(email):
        raise BadPassword(_("Choose something other than your e-mail address."))


def hashed(password: str) -> str:
    """The hash to keep. Takes a tenth of a second on purpose: call it outside of transactions."""
    return _hasher.hash(_normalised(password))


def fits(password: str, kept: str | None) -> bool:
    """Whether this is the password of the kept hash; takes the same time when there is none."""
    try:
        return _hasher.verify(kept or _nobodys(), _normalised(password)) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


def outdated(kept: str) -> bool:
    """Whether the hash was made with other parameters than are in use now."""
    return _hasher.check_needs_rehash(kept)


def _nobodys() -> str:
    """A hash that costs what every other does and that no known password has."""
    salt, digest = (base64.b64encode(bytes(size)).decode().rstrip("=") for size in (_hasher.salt_len, _hasher.hash_len))
    costs = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"


def _normalised(password: str) -> str:
    # A line break at the end came along when it was pasted.
    return unicodedata.normalize("NFKC", password.strip("\r\n"))
