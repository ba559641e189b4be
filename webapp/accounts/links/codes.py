"""The short codes in emails: entered on another device, a code does the same as the link beside it.

Eight characters are 40 bits, which could be guessed from a plain hash, and on the page without limits. So the stored
hash is keyed with the secret key and bound to the user and the purpose, and after a few wrong attempts all codes of
that user become invalid. The links in the same emails stay valid.
"""

import secrets
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from webapp.accounts import audit_events, service, throttles
from webapp.accounts.links import service as links
from webapp.accounts.models import Link, LinkPurpose, User
from webapp.accounts.return_to import ReturnTo
from webapp.audit import service as audit
from webapp.core import clock, rate_limits
from webapp.core.email_addresses import comparison_key
from webapp.core.i18n import lazy_gettext as _
from webapp.core.sealing import Sealer
from webapp.web.client import Client

# Crockford's base 32, in which no two characters look alike (https://www.crockford.com/base32.html).
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 8
HALF = CODE_LENGTH // 2
# The purposes of codes that are entered together with an address, by users who need not be signed in.
WITH_ADDRESS = (LinkPurpose.ACTIVATION, LinkPurpose.RESET)
# Undoing an address change takes the link: it is valid for a week, and gives the account away.
WITHOUT_CODE = (LinkPurpose.RESTORE_ADDRESS,)
# The same for every reason, so that an attacker learns nothing from it.
INVALID_CODE = _("This code is wrong, has expired, or belongs to another address. Check it, or request a new email.")
# What each byte stands for.
_LETTERS = (ALPHABET * (256 // len(ALPHABET))).encode()
_LOOKALIKES = str.maketrans("OIL", "011")
# The id of no account.
NO_USER = 0


@dataclass(frozen=True)
class IssuedLink:
    """The secret of a link, and the code that does the same; empty for purposes without codes."""

    secret: str = field(repr=False)
    code: str = field(repr=False)
    is_new: bool = True


@dataclass(frozen=True)
class RedeemedCode:
    """What a right code gives: the secret of a link for this purpose."""

    purpose: LinkPurpose
    secret: str = field(repr=False)


def issue(
    session: Session,
    sealer: Sealer,
    user: User,
    purpose: LinkPurpose,
    expires_at: datetime,
    email: str | None = None,
    return_to: ReturnTo | None = None,
) -> IssuedLink:
    """Create a link with its code. `email` is the address that it confirms or restores."""
    code = "" if purpose in WITHOUT_CODE else generate()
    code_hash = stored_hash(sealer, user.id, purpose, code)
    return IssuedLink(links.create(session, user, purpose, expires_at, email, code_hash, return_to), code)


def generate() -> str:
    """Return a random code as it is shown: ABCD-EFGH."""
    return from_bytes(secrets.token_bytes(CODE_LENGTH))


def from_bytes(random: bytes) -> str:
    """Return the code that at least 8 random bytes stand for, as it is shown.

    Its first half has a letter: two halves of digits would change places where text runs from right to left.
    """
    code = random[:CODE_LENGTH].translate(_LETTERS).decode()
    return from_bytes(sha256(random).digest()) if code[:HALF].isdigit() else f"{code[:HALF]}-{code[HALF:]}"


def normalise(entered: str) -> str:
    """Return the code in any letter case and digits, with or without the dash; empty if it cannot be one."""
    letters = (c for c in unicodedata.normalize("NFKC", entered).upper() if c.isalnum())
    code = "".join(str(unicodedata.decimal(c, c)) for c in letters).translate(_LOOKALIKES)
    return code if len(code) == CODE_LENGTH and set(code) <= set(ALPHABET) else ""


def redeem(
    session: Session, sealer: Sealer, email: str, purposes: tuple[LinkPurpose, ...], code: str, client: Client
) -> RedeemedCode | None:
    """Return what this code, if it has one of these purposes, gives the user with this address, or None.

    Does the same whether or not an account uses the address. Raises TooManyRequests.
    """
    # Lock the user first, so that nobody who holds a counted limit has to wait for one.
    user = service.find_by_email(session, email, lock=True)
    throttles.count_for_network(session, throttles.CODES_BY_NETWORK, client.ip_address)
    user_id = user.id if user else NO_USER
    key = f"{purposes[0]} {comparison_key(email)}"
    # Counted before the code is looked up, so that simultaneous attempts wait for each other.
    may_try_again = rate_limits.try_consume(session, throttles.CODES_BY_USER, key)
    link = _find_open(session, sealer, user_id, purposes, code)
    if link is not None or not may_try_again:
        # The codes of later emails can be tried as often again.
        rate_limits.reset(session, throttles.CODES_BY_USER, key)
    if user is not None and link is not None:
        purpose = LinkPurpose(link.purpose)
        secret = links.create(
            session,
            user,
            purpose,
            link.expires_at,
            link.email,
            return_to=link.return_to,
            shown_at=link.shown_to_admin_at,
        )
        return RedeemedCode(purpose, secret)
    if not may_try_again:
        _invalidate(session, user_id, purposes)
    audit.record(session, audit_events.CODE_REJECTED, user, email, last_try=not may_try_again)
    return None


def stored_hash(sealer: Sealer, user_id: int, purpose: LinkPurpose, code: str) -> str | None:
    """Return what is stored of a code as it is shown; None for no code."""
    return _hashes(sealer, user_id, purpose, code.replace("-", ""))[0] if code else None


def _find_open(
    session: Session, sealer: Sealer, user_id: int, purposes: tuple[LinkPurpose, ...], code: str
) -> Link | None:
    """Return the link with this code while it is valid."""
    hashes = [code_hash for purpose in purposes for code_hash in _hashes(sealer, user_id, purpose, code)]
    valid = select(Link).where(Link.user_id == user_id, Link.purpose.in_(purposes), Link.expires_at > clock.now())
    return session.scalar(valid.where(Link.code_hash.in_(hashes), *links.OPEN).limit(1))


def _invalidate(session: Session, user_id: int, purposes: tuple[LinkPurpose, ...]) -> None:
    """Invalidate the codes of open links, and leave the links valid."""
    statement = update(Link).where(Link.user_id == user_id, Link.purpose.in_(purposes), *links.OPEN)
    session.execute(statement.values(code_hash=None))


def _hashes(sealer: Sealer, user_id: int, purpose: LinkPurpose, code: str) -> list[str]:
    """Return what is stored of a code, for each key that it may have been issued with; the current key's first."""
    return sealer.lookup_hashes(f"{user_id} {purpose} {code}", "code")
