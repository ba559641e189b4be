"""What a failure means, for the person who can mend it. There is always an answer."""

from flask_babel import gettext as _

from webapp.mail.conversation import Stage
from webapp.mail.explanations import REPLIES, SAID_NO, SERVER_TROUBLE, SIGNS
from webapp.mail.failures import DeliveryError
from webapp.mail.models import MailServer
from webapp.mail.oauth.faults import OAuthFault
from webapp.mail.opened import OpenedServer
from webapp.mail.token_explanations import at_sign_in, explained
from webapp.providers import Diagnosis, Failure
from webapp.registry import Providers


def diagnose(providers: Providers, opened: OpenedServer, error: DeliveryError) -> Diagnosis:
    """The diagnosis: the provider's own first, then what holds for any server, then the class of the reply."""
    failure, settings = error.failure(), opened.public_facts
    own = providers.explain(opened.provider, failure, settings)
    if own is not None:
        return own
    if failure.stage == Stage.TOKEN:
        return explained(failure.reply, failure.error)
    if opened.tokens is not None and failure.stage == Stage.AUTH:
        refused = at_sign_in(failure.reply, failure.error)
        if refused is not None:
            return refused
    return _by_reply(failure) if failure.reply else _by_sign(failure, settings)


def _by_reply(failure: Failure) -> Diagnosis:
    for explanation in REPLIES:
        if explanation.fits(failure):
            return explanation.diagnosis
    return SERVER_TROUBLE if failure.reply.startswith("4") else SAID_NO


def _by_sign(failure: Failure, settings: dict[str, str]) -> Diagnosis:
    for sign in SIGNS:
        if sign.fits(failure, settings):
            return sign.diagnosis
    return Diagnosis(
        _("Sending stopped for a reason that Mailroom does not know; the words below are all there is."),
        [_("Check host, port and security.")],
    )


def diagnose_grant(providers: Providers, server: MailServer, fault: OAuthFault) -> Diagnosis:
    """The diagnosis of a sign-in at the saved server's provider, or of a renewal, that ended without a token."""
    own = None
    if server.provider in providers:
        settings = {"authentication": server.authentication, "username": server.username}
        own = providers.explain(providers[server.provider], fault.failure(), settings)
    return own or explained(fault.reply, fault.error)
