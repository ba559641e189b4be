"""The short codes in mails: typed on another device, a code does the same as the link beside it.

Eight characters are 40 bits, and those can be guessed: from a plain hash at leisure, and on the page
without limits. So what is kept is keyed with the secret key and bound to the person and the purpose,
and after a few wrong tries the codes that are out are dead. The links in the same mails stay good.
"""

import secrets
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime

from flask_babel import lazy_gettext as _
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from webapp.accounts import events, service, throttles
from webapp.accounts.links import service as links
from webapp.accounts.models import Link, LinkPurpose, User
from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.email_addresses import comparison_key
from webapp.core.sealing import Sealer
from webapp.web.client import Client

# Crockford's base 32: nothing in it looks like something else (https://www.crockford.com/base32.html).
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 8
HALF = CODE_LENGTH // 2
# What codes are for that are typed beside an address, by somebody who need not be signed in.
BESIDE_AN_ADDRESS = (LinkPurpose.ACTIVATION, LinkPurpose.RESET)
# To undo a change of the address takes the link: it is good for a week, and gives the account away.
WITHOUT = (LinkPurpose.RESTORE_ADDRESS,)
_ALIKE = str.maketrans("OIL", "011")
# No account has it.
NOBODY = 0
# The same for every reason, so that codes can't be told apart.
REFUSED = _("This code is wrong, has expired, or belongs to another address. Check it, or request a new email.")


@dataclass(frozen=True)
class IssuedLink:
    """A new link's secret, and the code that does the same; empty for a purpose without codes."""

    secret: str = field(repr=False)
    code: str = field(repr=False)


@dataclass(frozen=True)
class Opened:
    """What a right code opened: the secret of a link for this purpose."""

    purpose: LinkPurpose
    secret: str = field(repr=False)


def issue(
    session: Session, sealer: Sealer, user: User, purpose: LinkPurpose, expires_at: datetime, email: str | None = None
) -> IssuedLink:
    """A new link with its code; `email` is the address that it confirms or restores."""
    if purpose in WITHOUT:
        return IssuedLink(links.create(session, user, purpose, expires_at, email), "")
    code = new()
    mark = _marks(sealer, user.id, purpose, normalise(code))[0]
    return IssuedLink(links.create(session, user, purpose, expires_at, email, code_hash=mark), code)


def new() -> str:
    """A random code as people read it: ABCD-EFGH.

    Its first half holds a letter: of digits alone, it would change places with the second half
    where text runs from right to left.
    """
    code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
    return new() if code[:HALF].isdigit() else f"{code[:HALF]}-{code[HALF:]}"


def normalise(typed: str) -> str:
    """The code that was typed, in any letter case and digits, with or without the dash; empty when it is none."""
    letters = (c for c in unicodedata.normalize("NFKC", typed).upper() if c.isalnum())
    code = "".join(str(unicodedata.decimal(c, c)) for c in letters).translate(_ALIKE)
    return code if len(code) == CODE_LENGTH and set(code) <= set(ALPHABET) else ""


def redeem_for_address(session: Session, sealer: Sealer, email: str, code: str, client: Client) -> Opened | None:
    """What this code opens for the person with this address, or None. Raises TooManyRequests.

    The same is done whether anybody has the address or not.
    """
    # Locked first: what would end a link now finds what comes of it, and no limit waits for a person.
    person = service.find_by_email(session, email, lock=True)
    throttles.count_code(session, client.ip_address)
    return _redeem(session, sealer, person, email, BESIDE_AN_ADDRESS, code)


def redeem(
    session: Session,
    sealer: Sealer,
    person: User,
    purpose: LinkPurpose,
    code: str,
    client: Client,
) -> Opened | None:
    """What this code opens for somebody who is signed in, or None. Raises TooManyRequests."""
    session.get(User, person.id, with_for_update=True)
    throttles.count_code(session, client.ip_address)
    return _redeem(session, sealer, person, person.email, (purpose,), code)


def _redeem(
    session: Session, sealer: Sealer, person: User | None, email: str, purposes: tuple[LinkPurpose, ...], code: str
) -> Opened | None:
    """The same for a person who is locked."""
    who = f"{purposes[0]} {comparison_key(email)}"
    # Counted before it is looked at, so of many tries at once each waits for the one before.
    spare = throttles.try_code_for_user(session, who)
    link = _open_link(session, sealer, person.id if person else NOBODY, purposes, code)
    if person is not None and link is not None:
        throttles.reset_codes_for_user(session, who)
        secret = links.create(session, person, LinkPurpose(link.purpose), link.expires_at, link.email)
        return Opened(LinkPurpose(link.purpose), secret)
    if not spare:
        _end(session, person.id if person else NOBODY, purposes)
        # The codes of later mails can be tried as often.
        throttles.reset_codes_for_user(session, who)
    audit.record(session, events.CODE_REJECTED, person, email, last_try=not spare)
    return None


def _open_link(
    session: Session, sealer: Sealer, user_id: int, purposes: tuple[LinkPurpose, ...], code: str
) -> Link | None:
    """The link with this code while it is good."""
    marks = [mark for purpose in purposes for mark in _marks(sealer, user_id, purpose, code)]
    good = select(Link).where(Link.user_id == user_id, Link.purpose.in_(purposes), Link.expires_at > clock.now())
    return session.scalar(good.where(Link.code_hash.in_(marks), *links.OPEN).limit(1))


def _end(session: Session, user_id: int, purposes: tuple[LinkPurpose, ...]) -> None:
    """Make the codes of open links worthless, and leave the links as they are."""
    mine = update(Link).where(Link.user_id == user_id, Link.purpose.in_(purposes), *links.OPEN)
    session.execute(mine.values(code_hash=None))


def _marks(sealer: Sealer, user_id: int, purpose: LinkPurpose, code: str) -> list[str]:
    """What is kept of a code, for each key that it may have been made with; the present key's first."""
    return sealer.lookup_hashes(f"{user_id} {purpose} {code}", "code")
