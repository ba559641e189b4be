"""Reading what token endpoints answer (RFC 6749, 5), whatever it is."""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from webapp.core.http_client import Response
from webapp.mail.oauth import words
from webapp.mail.oauth.errors import BadTokens, OAuthError, Pending, ProviderUnavailable, TokenRefused
from webapp.mail.redaction import Redactor
from webapp.mail.transcript import printable

# RFC 6749, 5.1 recommends the lifetime but does not require it. An hour is what nearly all give.
USUAL_LIFETIME = timedelta(hours=1)
LONGEST_LIFETIME = timedelta(days=1)
LONGEST_REFRESH_LIFETIME = timedelta(days=3650)
LONGEST_TOKEN = 16 * 1024
LONGEST_WORDS = 1000
LONGEST_NAME, LONGEST_SCOPES = 320, 4000
# What is looked at of a description, in characters: looking for secrets in 250,000 takes seconds.
LONGEST_DESCRIPTION = 10 * LONGEST_WORDS
# Errors that stay until somebody does something (RFC 6749, 4.1.2.1 and 5.2; RFC 8628, 3.5; OpenID Connect Core,
# 3.1.2.6; Google's own). All others are tried again: no grant ends by a word that nobody knows.
LASTING = frozenset({
    "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type",
    "invalid_scope", "access_denied", "expired_token", "interaction_required", "login_required", "consent_required",
    "account_selection_required", "invalid_target", "admin_policy_enforced", "redirect_uri_mismatch",
    "disabled_client", "deleted_client", "org_internal",
})  # fmt: skip
# Ends of Microsoft's descriptions that help nobody but its support, and name who asked.
_TRACES = re.compile(r"(Trace ID|Correlation ID|Timestamp):")
_TOKEN = re.compile(r"[\x21-\x7e]+")
_ERROR = re.compile(r"[a-z0-9_.-]{1,60}", re.I)
# Who signed in, as claims of OpenID Connect and of Microsoft's tokens name them.
NAMES = ("email", "upn", "preferred_username", "unique_name")


@dataclass(frozen=True)
class TokenResponse:
    """What was granted. `names` are all that the account is called, `subject` its number at the `issuer`."""

    access_token: str = field(repr=False)
    lifetime: timedelta
    refresh_token: str = field(default="", repr=False)
    refresh_lifetime: timedelta | None = None
    scopes: Sequence[str] | None = None
    names: Sequence[str] = ()
    issuer: str = ""
    subject: str = ""

    @property
    def account(self) -> str:
        """Who signed in, as far as the provider says."""
        return self.names[0] if self.names else self.subject


def tokens(answer: Response, client_id: str, secrets: Iterable[str] = ()) -> TokenResponse:
    """The tokens in an answer. Raises BadTokens, Refused, Troubled or Pending."""
    facts = facts_of(answer, secrets)
    refresh_token = _token(facts.get("refresh_token"))
    access_token = _token(facts.get("access_token"))
    if not access_token:
        raise BadTokens(words.NO_ACCESS_TOKEN, refresh_token)
    if str(facts.get("token_type") or "Bearer").casefold() != "bearer":
        raise BadTokens(words.OTHER_TYPE, refresh_token)
    holds = lifetime(facts.get("expires_in"), USUAL_LIFETIME, LONGEST_LIFETIME)
    if holds is None:
        raise BadTokens(words.NO_LIFETIME, refresh_token)
    scope = facts.get("scope")
    claims = _is_client_error(claims_of(facts.get("id_token")), client_id)
    return TokenResponse(
        access_token,
        holds,
        refresh_token,
        _refresh_lifetime(facts),
        [one for one in scope[:LONGEST_SCOPES].split() if one.isprintable()] if isinstance(scope, str) else None,
        names_in(claims),
        str(claims.get("iss") or ""),
        _name(claims.get("sub")),
    )


def names_in(claims: Mapping[str, Any]) -> Sequence[str]:
    """What claims call the account, each name once."""
    return tuple(dict.fromkeys(filter(None, (_name(claims.get(name)) for name in NAMES))))


def facts_of(answer: Response, secrets: Iterable[str] = ()) -> Mapping[str, Any]:
    """The JSON object of an answer that says yes. Raises OAuthFault for all others."""
    if answer.status >= 500 or answer.status in (408, 425, 429):
        raise ProviderUnavailable(error=words.TROUBLE % {"status": answer.status})
    if 300 <= answer.status < 400:
        raise ProviderUnavailable(error=words.REDIRECTS % {"status": answer.status})
    try:
        facts = json.loads(answer.body)
    except (ValueError, RecursionError):
        facts = None
    if not isinstance(facts, dict):
        raise BadTokens(words.NOT_JSON % {"status": answer.status})
    if facts.get("error") or answer.status != 200:
        raise _refusal(answer, facts, secrets)
    return facts


def claims_of(token: object) -> Mapping[str, Any]:
    """What a JWT says of itself, unchecked; empty for any other token.

    An ID token that comes straight from the token endpoint over TLS needs no look at its signature
    (OpenID Connect Core, 3.1.3.7).
    """
    parts = token.split(".") if isinstance(token, str) else []
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError, binascii.Error):
        return {}
    return claims if isinstance(claims, dict) else {}


def error_text(error: object, description: object, secrets: Iterable[str] = ()) -> str:
    """A provider's error as it is shown and kept: the code, then its words, without a secret."""
    code = error.lower() if isinstance(error, str) and _ERROR.fullmatch(error) else "unknown_error"
    text = description[:LONGEST_DESCRIPTION] if isinstance(description, str) else ""
    said = _TRACES.split(" ".join(printable(text.encode("utf-8", "replace")).split()), maxsplit=1)[0]
    return Redactor(secrets)(f"{code} {said}".strip())[:LONGEST_WORDS]


def lifetime(value: object, usual: timedelta | None, longest: timedelta) -> timedelta | None:
    """A time told in seconds, also as text: `usual` where none is told, None when it is no time at all."""
    if value is None:
        return usual
    try:
        seconds = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else 0.0
    except (ValueError, OverflowError):
        return longest if isinstance(value, int) else None
    return timedelta(seconds=min(seconds, longest.total_seconds())) if seconds >= 1 else None


def _refusal(answer: Response, facts: Mapping[str, Any], secrets: Iterable[str]) -> OAuthError:
    error = facts.get("error")
    if isinstance(error, dict):  # as Google's other interfaces put it
        facts = {"error_description": error.get("message")}
        error = error.get("status") or error.get("code")
    if error in ("authorization_pending", "slow_down"):
        return Pending(slower=error == "slow_down")
    if not error:
        return BadTokens(words.NO_REASON % {"status": answer.status})
    said = error_text(error, facts.get("error_description"), secrets)
    return TokenRefused(said, _server_time(answer)) if error in LASTING else ProviderUnavailable(reply=said)


def _name(value: object) -> str:
    """What pages and databases take as a name: empty for anything else."""
    good = isinstance(value, str) and len(value) <= LONGEST_NAME and value.isprintable()
    return str(value) if good else ""


def _token(value: object) -> str:
    good = isinstance(value, str) and len(value) <= LONGEST_TOKEN and _TOKEN.fullmatch(value)
    return str(value) if good else ""


def _refresh_lifetime(facts: Mapping[str, Any]) -> timedelta | None:
    """Google and Keycloak say how long a refresh token lives, each by a name of its own."""
    value = facts.get("refresh_token_expires_in", facts.get("refresh_expires_in"))
    return lifetime(value, None, LONGEST_REFRESH_LIFETIME)


def _is_client_error(claims: Mapping[str, Any], client_id: str) -> Mapping[str, Any]:
    """The claims of an ID token, if it was made for this client."""
    audience = claims.get("aud")
    return claims if client_id in (audience if isinstance(audience, list) else [audience]) else {}


def _server_time(answer: Response) -> datetime | None:
    try:
        found = parsedate_to_datetime(answer.headers.get("date", ""))
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
