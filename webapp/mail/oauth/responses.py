"""Reading the replies of token endpoints (RFC 6749, 5), whatever they contain."""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from webapp.core.http_client import Response
from webapp.mail.oauth.errors import InvalidTokenResponse, OAuthError, Pending, ProviderUnavailable, TokenRefused
from webapp.mail.redaction import Redactor
from webapp.mail.transcript import printable

# RFC 6749, 5.1 recommends expires_in but does not require it. Nearly all providers use an hour.
DEFAULT_LIFETIME = timedelta(hours=1)
MAX_LIFETIME = timedelta(days=1)
MAX_REFRESH_LIFETIME = timedelta(days=3650)
MAX_TOKEN_LENGTH = 16 * 1024
MAX_ERROR_LENGTH = 1000
MAX_NAME_LENGTH, MAX_SCOPES_LENGTH = 320, 4000
# Errors that stay until somebody does something (RFC 6749, 4.1.2.1 and 5.2; RFC 8628, 3.5; OpenID Connect Core,
# 3.1.2.6; Google's and Microsoft's own). All others are retried, so that an unknown error does not end a grant.
PERMANENT_ERRORS = frozenset({
    "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type",
    "invalid_scope", "access_denied", "expired_token", "interaction_required", "login_required", "consent_required",
    "account_selection_required", "invalid_target", "admin_policy_enforced", "redirect_uri_mismatch",
    "disabled_client", "deleted_client", "org_internal", "invalid_tenant", "invalid_resource",
})  # fmt: skip
# The end of Microsoft's descriptions, which only its support can use.
_TRACE = re.compile(r"(Trace ID|Correlation ID|Timestamp):")
_TOKEN = re.compile(r"[\x21-\x7e]+")
_ERROR = re.compile(r"[a-z0-9_.-]{1,60}", re.I)
# Claims that name the account, in OpenID Connect and in Microsoft's tokens.
NAME_CLAIMS = ("email", "upn", "preferred_username", "unique_name")


@dataclass(frozen=True)
class TokenResponse:
    """What was granted. `names` are the account's names, `subject` is its number at the `issuer`."""

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
        """The account that signed in, as far as the provider says."""
        return self.names[0] if self.names else self.subject


def read_tokens(response: Response, client_id: str, secrets: Iterable[str] = ()) -> TokenResponse:
    """Return the tokens in a response. Raises OAuthError."""
    data = read_json(response, secrets)
    access_token = _token(data.get("access_token"))
    if not access_token:
        raise InvalidTokenResponse("no_access_token")
    if str(data.get("token_type") or "Bearer").casefold() != "bearer":
        raise InvalidTokenResponse("wrong_token_type")
    lifetime = read_lifetime(data.get("expires_in"), DEFAULT_LIFETIME, MAX_LIFETIME)
    if lifetime is None:
        raise InvalidTokenResponse("no_token_lifetime")
    scope = data.get("scope")
    claims = _for_client(read_claims(data.get("id_token")), client_id)
    return TokenResponse(
        access_token,
        lifetime,
        _token(data.get("refresh_token")),
        _refresh_lifetime(data),
        [one for one in scope[:MAX_SCOPES_LENGTH].split() if one.isprintable()] if isinstance(scope, str) else None,
        names_in(claims),
        str(claims.get("iss") or ""),
        _name(claims.get("sub")),
    )


def names_in(claims: Mapping[str, Any]) -> Sequence[str]:
    """Return the names of the account in claims, each once."""
    return tuple(dict.fromkeys(filter(None, (_name(claims.get(name)) for name in NAME_CLAIMS))))


def read_json(response: Response, secrets: Iterable[str] = ()) -> Mapping[str, Any]:
    """Return the JSON object of a successful response. Raises OAuthError for any other."""
    status = {"status": str(response.status)}
    if response.status >= 500 or response.status in (408, 425, 429):
        raise ProviderUnavailable("provider_unavailable", status)
    if 300 <= response.status < 400:
        raise ProviderUnavailable("token_url_redirects", status)
    data: object = None
    with suppress(ValueError, RecursionError):
        data = json.loads(response.body)
    if not isinstance(data, dict):
        raise InvalidTokenResponse("not_json", status)
    if data.get("error") or response.status != 200:
        raise _refusal(response, data, secrets)
    return data


def read_claims(token: object) -> Mapping[str, Any]:
    """Return the claims of a JWT, unverified; empty for any other token.

    An ID token received directly from the token endpoint over TLS needs no signature check
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


def error_code(error: object) -> str:
    """Return a provider's error code, if it is one."""
    return error.lower() if isinstance(error, str) and _ERROR.fullmatch(error) else "unknown_error"


def error_text(error: object, description: object, secrets: Iterable[str] = ()) -> str:
    """Return a provider's error as it is stored and shown: the code and the description, without secrets."""
    text = description[: 2 * MAX_ERROR_LENGTH] if isinstance(description, str) else ""
    text = _TRACE.split(" ".join(printable(text.encode("utf-8", "replace")).split()), maxsplit=1)[0]
    return Redactor(secrets)(f"{error_code(error)} {text}".strip())[:MAX_ERROR_LENGTH]


def read_lifetime(value: object, default: timedelta | None, longest: timedelta) -> timedelta | None:
    """Return a number of seconds as a time: `default` if it is missing, None if it is not a time at all."""
    if value is None:
        return default
    try:
        seconds = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else 0.0
    except (ValueError, OverflowError):
        return longest if isinstance(value, int) else None
    return timedelta(seconds=min(seconds, longest.total_seconds())) if seconds >= 1 else None


def _refusal(response: Response, data: Mapping[str, Any], secrets: Iterable[str]) -> OAuthError:
    error = data.get("error")
    if error in ("authorization_pending", "slow_down"):
        return Pending(slow_down=error == "slow_down")
    if not error:
        return InvalidTokenResponse("refused_without_reason", {"status": str(response.status)})
    text = error_text(error, data.get("error_description"), secrets)
    if error_code(error) in PERMANENT_ERRORS:
        return TokenRefused(error_code(error), reply=text)
    return ProviderUnavailable(error_code(error), reply=text)


def _name(value: object) -> str:
    """Return a name that pages and databases accept, or an empty one."""
    valid = isinstance(value, str) and len(value) <= MAX_NAME_LENGTH and value.isprintable()
    return str(value) if valid else ""


def _token(value: object) -> str:
    valid = isinstance(value, str) and len(value) <= MAX_TOKEN_LENGTH and _TOKEN.fullmatch(value)
    return str(value) if valid else ""


def _refresh_lifetime(data: Mapping[str, Any]) -> timedelta | None:
    """Google and Keycloak give the lifetime of a refresh token, each under a different name."""
    value = data.get("refresh_token_expires_in", data.get("refresh_expires_in"))
    return read_lifetime(value, None, MAX_REFRESH_LIFETIME)


def _for_client(claims: Mapping[str, Any], client_id: str) -> Mapping[str, Any]:
    """Return the claims of an ID token if it was issued for this client."""
    audience = claims.get("aud")
    return claims if client_id in (audience if isinstance(audience, list) else [audience]) else {}
