"""Which claim of an access token is wrong, when a mail server rejects the token.

Microsoft rejects every bad token with the same reply. So the token itself is read, and what is wrong
with it becomes the code of the failure, which diagnosis rules match.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from webapp.core import clock
from webapp.mail.oauth.registration import ClientRegistration
from webapp.mail.oauth.responses import NAME_CLAIMS, read_claims
from webapp.mail.transcript import printable
from webapp.providers import ExpectedClaims

# How far two clocks may differ before a token counts as expired.
CLOCK_SKEW = timedelta(minutes=10)
MAX_VALUE_LENGTH = 200


def check_claims(token: str, registration: ClientRegistration) -> tuple[str, dict[str, str]]:
    """Return the first wrong claim as the code and parameters of a failure.

    If none is wrong, the code is `token_as_expected`, or `token_role_as_expected` for a token of the application
    itself. It is empty if the token cannot be read.
    """
    claims = read_claims(token)
    if not claims:
        return "", {}
    if _is_expired(claims):
        return "token_expired", {}
    expected = registration.method.expected_claims
    if expected is None:
        return "", {}
    code, value = (
        _wrong_tenant(claims, registration.tenant_id)
        or _wrong_audience(claims, expected)
        or _wrong_permission(claims, expected)
        or _wrong_mailbox(claims, registration.username)
        or (_as_expected(claims), "")
    )
    return code, {"value": printable(value[:MAX_VALUE_LENGTH].encode("utf-8", "replace"))}


def _is_expired(claims: Mapping[str, Any]) -> bool:
    end = claims.get("exp")
    return isinstance(end, int | float) and end < (clock.now() - CLOCK_SKEW).timestamp()


def _wrong_tenant(claims: Mapping[str, Any], tenant_id: str) -> tuple[str, str] | None:
    tid = claims.get("tid")
    # The tenant may be entered as a name, such as `common` or a domain, which cannot be compared with the ID.
    comparable = isinstance(tid, str) and len(tenant_id) == len(tid) and tenant_id.count("-") == 4
    return ("token_wrong_tenant", str(tid)) if comparable and str(tid).casefold() != tenant_id.casefold() else None


def _wrong_audience(claims: Mapping[str, Any], expected: ExpectedClaims) -> tuple[str, str] | None:
    audiences = {one.rstrip("/").casefold() for one in _as_list(claims.get("aud"))}
    allowed = {one.rstrip("/").casefold() for one in expected.audiences}
    return None if not allowed or audiences & allowed else ("token_wrong_audience", " ".join(sorted(audiences)))


def _wrong_permission(claims: Mapping[str, Any], expected: ExpectedClaims) -> tuple[str, str] | None:
    """Tokens of a person contain `scp`, those of the application itself `roles`."""
    scopes, roles = _as_list(claims.get("scp")), _as_list(claims.get("roles"))
    if scopes:
        wrong = expected.scope and expected.scope not in scopes
        return ("token_wrong_scope", " ".join(scopes)) if wrong else None
    return ("token_wrong_role", " ".join(roles)) if expected.role and expected.role not in roles else None


def _as_expected(claims: Mapping[str, Any]) -> str:
    return "token_as_expected" if _as_list(claims.get("scp")) else "token_role_as_expected"


def _wrong_mailbox(claims: Mapping[str, Any], username: str) -> tuple[str, str] | None:
    names = [str(claims[name]) for name in NAME_CLAIMS if claims.get(name)]
    wrong = names and username.casefold() not in (name.casefold() for name in names)
    return ("token_wrong_mailbox", names[0]) if wrong else None


def _as_list(value: object) -> list[str]:
    """Return a claim that is a list (RFC 7519, 4.1.3) or a text with spaces as a list."""
    if isinstance(value, list):
        return [str(one) for one in value]
    return value.split() if isinstance(value, str) else []
