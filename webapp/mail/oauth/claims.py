"""What an access token says of itself when a mail server refuses it: which of its claims is wrong.

Microsoft answers every bad token with the same words, so the token is read: as long as the failure
is written down, and never kept. The finding is one line, `token: audience https://graph…`, which
explanations match as if the server had said it.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from webapp.core import clock
from webapp.mail.oauth.registration import ClientRegistration
from webapp.mail.oauth.responses import NAMES, claims_of
from webapp.mail.transcript import printable
from webapp.providers import ExpectedClaims

# How far clocks may be apart before a token counts as expired.
SKEW = timedelta(minutes=10)
LONGEST_VALUE = 200


def check_claims(token: str, registration: ClientRegistration) -> str:
    """What is wrong with a refused token; `token: no fault` for one that is right; empty if it cannot be read."""
    claims = claims_of(token)
    if not claims:
        return ""
    if _expired(claims):
        return "token: expired"
    expected = registration.method.expected_claims
    if expected is None:
        return ""
    wrong = (
        _tenant(claims, registration.tenant_id)
        or _audience(claims, expected)
        or _permission(claims, expected)
        or _mailbox(claims, registration.username)
    )
    return printable(f"token: {wrong or 'no fault'}"[:LONGEST_VALUE].encode("utf-8", "replace"))


def _expired(claims: Mapping[str, Any]) -> bool:
    end = claims.get("exp")
    return isinstance(end, int | float) and end < (clock.now() - SKEW).timestamp()


def _tenant(claims: Mapping[str, Any], tenant_id: str) -> str:
    tid = claims.get("tid")
    # Other tenants are names such as `common` or a domain, which say nothing about the number.
    comparable = isinstance(tid, str) and len(tenant_id) == len(tid) and tenant_id.count("-") == 4
    return f"tenant {tid}" if comparable and str(tid).casefold() != tenant_id.casefold() else ""


def _audience(claims: Mapping[str, Any], expected: ExpectedClaims) -> str:
    audiences = {one.rstrip("/").casefold() for one in _several(claims.get("aud"))}
    good = {one.rstrip("/").casefold() for one in expected.audiences}
    return "" if not good or audiences & good else f"audience {' '.join(sorted(audiences))}".strip()


def _permission(claims: Mapping[str, Any], expected: ExpectedClaims) -> str:
    """Delegated tokens carry `scp`; those of an application by itself `roles`."""
    scopes, roles = _several(claims.get("scp")), _several(claims.get("roles"))
    if scopes:
        return "" if not expected.scope or expected.scope in scopes else f"scope {' '.join(scopes)}"
    return "" if not expected.role or expected.role in roles else f"role {' '.join(roles)}".strip()


def _several(value: object) -> list[str]:
    """A claim that is a list (RFC 7519, 4.1.3), one text, or several with spaces between them."""
    if isinstance(value, list):
        return [str(one) for one in value]
    return value.split() if isinstance(value, str) else []


def _mailbox(claims: Mapping[str, Any], username: str) -> str:
    names = [str(claims[name]) for name in NAMES if claims.get(name)]
    right = not names or username.casefold() in (name.casefold() for name in names)
    return "" if right else f"mailbox {names[0]}"
