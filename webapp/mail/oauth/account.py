"""Who signed in, asked of the provider (OpenID Connect Core, 5.3).

An ID token may hold no more of a person than a number: whoever gets an access token beside it can
ask the provider's userinfo for the rest (Core, 5.4), and OpenID-certified providers often leave it at that.
"""

from collections.abc import Sequence

import structlog

from webapp.mail.oauth import answers, metadata
from webapp.mail.oauth.answers import Tokens
from webapp.mail.oauth.registration import Registration

log = structlog.get_logger(__name__)


def names(registration: Registration, tokens: Tokens) -> Sequence[str]:
    """What the account is called: by its tokens, else by the provider; empty when neither says.

    A sign-in does not fail for the want of a name, so a provider that cannot be asked is not an error.
    """
    if tokens.names:
        return tokens.names
    try:
        found = _userinfo(registration, tokens) if tokens.issuer else ()
    except metadata.SILENT as error:
        log.info("the provider does not say who signed in", error=type(error).__name__)
        found = ()
    # A subject is no name, but where it looks like an address it is one.
    return found or ((tokens.subject,) if "@" in tokens.subject else ())


def _userinfo(registration: Registration, tokens: Tokens) -> Sequence[str]:
    address = metadata.of_issuer(registration, tokens.issuer).get("userinfo_endpoint")
    if not isinstance(address, str) or not metadata.may_be_asked(registration, address):
        return ()
    person = metadata.facts(registration, address, {"Authorization": f"Bearer {tokens.access_token}"})
    # Core, 5.3.2: an answer about another subject is not to be used.
    return answers.names_in(person) if person.get("sub") == tokens.subject else ()
