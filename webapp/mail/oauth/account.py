"""Who signed in, asked of the provider (OpenID Connect Core, 5.3; OpenID Connect Discovery, 4).

An ID token may hold no more of a person than a number: whoever gets an access token beside it can
ask the provider's userinfo for the rest (Core, 5.4), and OpenID-certified providers often leave it at that.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from webapp import https
from webapp.https import BadAddress
from webapp.mail.oauth import answers
from webapp.mail.oauth.answers import Tokens
from webapp.mail.oauth.faults import OAuthFault
from webapp.mail.oauth.registration import Registration

METADATA = "/.well-known/openid-configuration"

log = structlog.get_logger(__name__)


def names(registration: Registration, tokens: Tokens) -> Sequence[str]:
    """What the account is called: by its tokens, else by the provider; empty when neither says.

    A sign-in does not fail for the want of a name, so a provider that cannot be asked is not an error.
    """
    if tokens.names:
        return tokens.names
    try:
        found = _userinfo(registration, tokens) if tokens.issuer else ()
    except (OAuthFault, OSError, BadAddress) as error:
        log.info("the provider does not say who signed in", error=type(error).__name__)
        found = ()
    # A subject is no name, but where it looks like an address it is one.
    return found or ((tokens.subject,) if "@" in tokens.subject else ())


def _userinfo(registration: Registration, tokens: Tokens) -> Sequence[str]:
    if not _may_be_asked(registration, tokens.issuer) or {"?", "#"} & set(tokens.issuer):
        return ()
    metadata = _facts(registration, tokens.issuer.rstrip("/") + METADATA)
    address = metadata.get("userinfo_endpoint")
    if (
        metadata.get("issuer") != tokens.issuer
        or not isinstance(address, str)
        or not _may_be_asked(registration, address)
    ):
        return ()
    person = _facts(registration, address, {"Authorization": f"Bearer {tokens.access_token}"})
    # Core, 5.3.2: an answer about another subject is not to be used.
    return answers.names_in(person) if person.get("sub") == tokens.subject else ()


def _may_be_asked(registration: Registration, address: str) -> bool:
    """Whether the provider may have us ask there: of this machine, only one that is itself on it."""
    return address.startswith("https:") or registration.token_url.startswith("http:")


def _facts(registration: Registration, address: str, headers: Mapping[str, str] | None = None) -> Mapping[str, Any]:
    wanted = {"Accept": "application/json", **(headers or {})}
    return answers.facts_of(https.get(address, wanted, registration.proxy))
