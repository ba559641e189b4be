"""What a provider says of itself, at an address that follows from its issuer's.

OpenID Connect Discovery 1.0, 4; OAuth 2.0 Authorization Server Metadata (RFC 8414), 3.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import SplitResult

import structlog

from webapp.core import http_client
from webapp.core.http_client import InvalidUrl
from webapp.mail.oauth import responses
from webapp.mail.oauth.errors import OAuthError
from webapp.mail.oauth.registration import ClientRegistration

OPENID, OAUTH = "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"
# What keeps a provider from being asked, or from answering.
SILENT = (OAuthError, OSError, InvalidUrl)

log = structlog.get_logger(__name__)


def fetch(registration: ClientRegistration, issuer: str) -> Mapping[str, Any]:
    """What this issuer says of itself; empty if it says nothing that can be believed."""
    if not is_allowed(registration, issuer) or {"?", "#"} & set(issuer):
        return {}
    try:
        addresses = _addresses(http_client.check_address(issuer.rstrip("/")))
    except InvalidUrl:
        return {}
    for address in addresses:
        try:
            found = facts(registration, address)
        except SILENT as error:
            log.info("a provider says nothing of itself", error=type(error).__name__)
            continue
        # Discovery, 4.3, and RFC 8414, 3.3: of another issuer it is not to be used.
        if found.get("issuer") == issuer:
            return found
    return {}


def is_at(registration: ClientRegistration, issuer: str) -> bool:
    """Whether this issuer says that people sign in to it, and tokens are given out, where we have them do it.

    The answer to a mix-up (RFC 9207, 1) names the issuer that gave it, whose addresses are other ones.
    """
    found = fetch(registration, issuer)
    theirs = found.get("authorization_endpoint"), found.get("token_endpoint")
    ours = registration.authorize_url.partition("?")[0], registration.token_url.partition("?")[0]
    return theirs == ours


def is_allowed(registration: ClientRegistration, address: str) -> bool:
    """Whether the provider may have us ask there: of this machine, only one that is itself on it."""
    return address.startswith("https:") or registration.token_url.startswith("http:")


def facts(
    registration: ClientRegistration, address: str, headers: Mapping[str, str] | None = None
) -> Mapping[str, Any]:
    """The JSON object at an address of a provider's. Raises what is SILENT."""
    wanted = {"Accept": "application/json", **(headers or {})}
    return responses.facts_of(http_client.get(address, wanted, registration.proxy))


def _addresses(issuer: SplitResult) -> Sequence[str]:
    # RFC 8414, 3.1, puts it before the issuer's path.
    return issuer.geturl() + OPENID, f"{issuer.scheme}://{issuer.netloc}{OAUTH}{issuer.path}"
