"""The links in messages. They are derived from a key and the message, so each copy of a message has the same one."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from webapp.accounts.links import codes
from webapp.accounts.links import service as links
from webapp.accounts.links.codes import IssuedLink
from webapp.accounts.links.errors import LinkRefused
from webapp.accounts.models import Link, LinkPurpose
from webapp.accounts.return_to import ReturnTo
from webapp.core import clock
from webapp.core.sealing import Sealer, sha256_hex


class WantedLink(NamedTuple):
    """What the link of one message is for. `email` is the address that it confirms or restores."""

    identity: str
    user_id: int
    purpose: LinkPurpose
    expires_at: datetime
    email: str | None = None
    return_to: ReturnTo | None = None


_KNOWN = (
    select(Link)
    .where(Link.secret_hash.in_(bindparam("hashes", expanding=True)))
    .execution_options(populate_existing=True)
)


def issue(session: Session, sealer: Sealer, wanted: Sequence[WantedLink]) -> list[IssuedLink | LinkRefused]:
    """Create the link of each message, or find the one created before; LinkRefused if that is no longer valid."""
    sealer = sealer.with_present_keys()
    candidates = [_derive(sealer, one) for one in wanted]
    known = _find(session, [sha256_hex(made.secret) for several in candidates for made in several])
    issued = [_choose(several, known) for several in candidates]
    new = [
        (one, made) for one, made in zip(wanted, issued, strict=True) if isinstance(made, IssuedLink) and made.is_new
    ]
    if new:
        now = clock.now()
        session.connection().execute(insert(Link), [_row(sealer, one, made, now) for one, made in new])
    return issued


def revoke(session: Session, sealer: Sealer, identity: str, user_id: int, email: str) -> None:
    """Revoke the link of the message with this identity and its code, whatever it is for, if it was created."""
    now = clock.now()
    possible = [
        WantedLink(identity, user_id, purpose, now, about) for purpose in LinkPurpose for about in (None, email)
    ]
    hashes = [sha256_hex(made.secret) for one in possible for made in _derive(sealer, one)]
    revoked = update(Link).where(Link.secret_hash.in_(hashes), *links.OPEN)
    session.execute(revoked.values(revoked_at=now))


def _derive(sealer: Sealer, wanted: WantedLink) -> list[IssuedLink]:
    """Return what each key makes of the message, that of the current key first."""
    text = f"{wanted.identity} {wanted.user_id} {wanted.purpose} {wanted.email or ''}"
    has_code = wanted.purpose not in codes.WITHOUT_CODE
    seeds = zip(sealer.derive_secrets(text, "link"), sealer.derive_secrets(text, "code of a link"), strict=True)
    return [
        IssuedLink(urlsafe_b64encode(link).decode().rstrip("="), codes.from_bytes(code) if has_code else "")
        for link, code in seeds
    ]


def _find(session: Session, hashes: Sequence[str]) -> dict[str, Link]:
    return {link.secret_hash: link for link in session.scalars(_KNOWN, {"hashes": hashes})}


def _choose(candidates: Sequence[IssuedLink], known: Mapping[str, Link]) -> IssuedLink | LinkRefused:
    """Return the one that was created before, or else the first, which is new."""
    for made in candidates if known else ():
        if link := known.get(sha256_hex(made.secret)):
            try:
                links.check(link)
            except LinkRefused as error:
                return error
            return replace(made, is_new=False)
    return candidates[0]


def _row(sealer: Sealer, wanted: WantedLink, made: IssuedLink, now: datetime) -> dict[str, Any]:
    return {
        "user_id": wanted.user_id,
        "purpose": wanted.purpose,
        "email": wanted.email,
        "secret_hash": sha256_hex(made.secret),
        "code_hash": codes.stored_hash(sealer, wanted.user_id, wanted.purpose, made.code),
        "created_at": now,
        "expires_at": wanted.expires_at,
        "return_to": wanted.return_to,
    }
