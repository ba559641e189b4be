"""Who signed in, asked of the provider (OpenID Connect Core, 5.3).

An ID token may hold no more of a person than a number: whoever gets an access token beside it can
ask the provider's userinfo for the rest (Core, 5.4), and OpenID-certified providers often leave it at that.
"""

from collections.abc import Sequence

import structlog

from webapp.mail.oauth import discovery, responses
from webapp.mail.oauth.registration import ClientRegistration
from webapp.mail.oauth.responses import TokenResponse

log = structlog.get_logger(__name__)


def account_names(registration: ClientRegistration, tokens: TokenResponse) -> Sequence[str]:
    """What the account is called: by its tokens, else by the provider; empty when neither says.

    A sign-in does not fail for the want of a name, so a provider that cannot be asked is not an error.
    """
    if tokens.names:
        return tokens.names
    try:
        found = _userinfo(registration, tokens) if tokens.issuer else ()
    except discovery.SILENT as error:
        log.info("the provider does not say who signed in", error=type(error).__name__)
        found = ()
    # A subject is no name, but where it looks like an address it is one.
    return found or ((tokens.subject,) if "@" in tokens.subject else ())


def _userinfo(registration: ClientRegistration, tokens: TokenResponse) -> Sequence[str]:
    address = discovery.fetch(registration, tokens.issuer).get("userinfo_endpoint")
    if not isinstance(address, str) or not discovery.is_allowed(registration, address):
        return ()
    person = discovery.facts(registration, address, {"Authorization": f"Bearer {tokens.access_token}"})
    # Core, 5.3.2: an answer about another subject is not to be used.
    return responses.names_in(person) if person.get("sub") == tokens.subject else ()
