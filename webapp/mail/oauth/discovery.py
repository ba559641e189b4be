"""What a provider publishes about itself, and about who signed in.

OpenID Connect Discovery 1.0, 4; OAuth 2.0 Authorization Server Metadata (RFC 8414), 3; OpenID Connect
Core 1.0, 5.3.
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
from webapp.mail.oauth.responses import TokenResponse

OPENID, OAUTH = "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"
# What is raised when a provider cannot be asked, or does not reply.
DISCOVERY_ERRORS = (OAuthError, OSError, InvalidUrl)
# In seconds, for each of three requests at most: a browser waits, and the authorization doesn't depend on them.
TIMEOUT = 3

log = structlog.get_logger(__name__)


def fetch(registration: ClientRegistration, issuer: str) -> Mapping[str, Any]:
    """Return the issuer's metadata; empty if there is none that can be trusted."""
    if not is_allowed(registration, issuer) or {"?", "#"} & set(issuer):
        return {}
    try:
        urls = _metadata_urls(http_client.parse_url(issuer.rstrip("/")))
    except InvalidUrl:
        return {}
    for url in urls:
        try:
            found = _get_json(registration, url)
        except DISCOVERY_ERRORS as error:
            log.info("no provider metadata", error=type(error).__name__)
            continue
        # Discovery, 4.3, and RFC 8414, 3.3: the metadata of another issuer must not be used.
        if found.get("issuer") == issuer:
            return found
    return {}


def account_names(registration: ClientRegistration, tokens: TokenResponse) -> Sequence[str]:
    """Return the names of the account that signed in, from its tokens or from the provider.

    An ID token may name only a number; the provider's userinfo has the rest (Core, 5.4). It is asked only at the
    hosts that are configured. It is not an error if it cannot be asked: a grant does not need a name.
    """
    if tokens.names:
        return tokens.names
    try:
        names = _userinfo_names(registration, tokens) if _is_configured(registration, tokens.issuer) else ()
    except DISCOVERY_ERRORS as error:
        log.info("the provider does not name the account", error=type(error).__name__)
        names = ()
    # A subject that looks like an address is a name.
    return names or ((tokens.subject,) if "@" in tokens.subject else ())


def has_endpoints(registration: ClientRegistration, issuer: str) -> bool:
    """Return whether the issuer publishes the authorization and token URLs that are configured.

    A mix-up attack (RFC 9207, 1) comes from an issuer with other URLs.
    """
    found = fetch(registration, issuer)
    published = found.get("authorization_endpoint"), found.get("token_endpoint")
    return published == (registration.authorize_url.partition("?")[0], registration.token_url.partition("?")[0])


def _is_configured(registration: ClientRegistration, url: str) -> bool:
    """Return whether a URL is at one of the hosts that the page shows."""
    try:
        shown = {http_client.origin_of(one) for one in (registration.authorize_url, registration.token_url) if one}
        return bool(url) and http_client.origin_of(url) in shown
    except ValueError:
        return False


def is_allowed(registration: ClientRegistration, url: str) -> bool:
    """Return whether the provider may send Mailroom there: to this machine only if it runs there itself."""
    return url.startswith("https:") or registration.token_url.startswith("http:")


def _get_json(
    registration: ClientRegistration, url: str, headers: Mapping[str, str] | None = None
) -> Mapping[str, Any]:
    accept = {"Accept": "application/json", **(headers or {})}
    return responses.read_json(http_client.get(url, accept, registration.proxy, TIMEOUT))


def _metadata_urls(issuer: SplitResult) -> Sequence[str]:
    # RFC 8414, 3.1, inserts its path before the issuer's.
    return issuer.geturl() + OPENID, f"{issuer.scheme}://{issuer.netloc}{OAUTH}{issuer.path}"


def _userinfo_names(registration: ClientRegistration, tokens: TokenResponse) -> Sequence[str]:
    url = fetch(registration, tokens.issuer).get("userinfo_endpoint")
    if not isinstance(url, str) or not _is_configured(registration, url):
        return ()
    userinfo = _get_json(registration, url, {"Authorization": f"Bearer {tokens.access_token}"})
    # Core, 5.3.2: a reply about another subject must not be used.
    return responses.names_in(userinfo) if userinfo.get("sub") == tokens.subject else ()
