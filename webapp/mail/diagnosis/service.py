"""What a failure means, for the person who can mend it. There is always an answer."""

from flask_babel import gettext as _

from webapp.mail.diagnosis.smtp_rules import ERROR_RULES, REJECTED, REPLY_RULES, SERVER_TROUBLE
from webapp.mail.diagnosis.token_rules import diagnose_authentication, explained
from webapp.mail.models import MailServer
from webapp.mail.oauth.errors import OAuthError
from webapp.mail.transcript import Stage
from webapp.mail.transport.errors import DeliveryError
from webapp.mail.transport.settings import TransportSettings
from webapp.providers import Diagnosis, Failure
from webapp.providers.registry import ProviderRegistry


def diagnose(providers: ProviderRegistry, opened: TransportSettings, error: DeliveryError) -> Diagnosis:
    """The diagnosis: the provider's own first, then what holds for any server, then the class of the reply."""
    failure, settings = error.failure(), opened.public_facts
    own = providers.explain(opened.provider, failure, settings)
    if own is not None:
        return own
    if failure.stage == Stage.TOKEN:
        return explained(failure.reply, failure.error)
    if opened.tokens is not None and failure.stage == Stage.AUTH:
        refused = diagnose_authentication(failure.reply, failure.error)
        if refused is not None:
            return refused
    return _by_reply(failure) if failure.reply else _by_sign(failure, settings)


def _by_reply(failure: Failure) -> Diagnosis:
    for explanation in REPLY_RULES:
        if explanation.fits(failure):
            return explanation.diagnosis
    return SERVER_TROUBLE if failure.reply.startswith("4") else REJECTED


def _by_sign(failure: Failure, settings: dict[str, str]) -> Diagnosis:
    for sign in ERROR_RULES:
        if sign.fits(failure, settings):
            return sign.diagnosis
    return Diagnosis(
        _("Sending failed for a reason that Mailroom doesn't recognise. The error message is below."),
        [_("Check the host, port and security.")],
    )


def diagnose_grant(providers: ProviderRegistry, server: MailServer, fault: OAuthError) -> Diagnosis:
    """The diagnosis of a sign-in at the saved server's provider, or of a renewal, that ended without a token."""
    own = None
    if server.provider in providers:
        settings = {"authentication": server.authentication, "username": server.username}
        own = providers.explain(providers[server.provider], fault.failure(), settings)
    return own or explained(fault.reply, fault.error)
