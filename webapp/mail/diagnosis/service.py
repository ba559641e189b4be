"""What failures mean, for the person who can fix them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask_babel import gettext as _

from webapp.mail.diagnosis import reply_rules, reply_texts
from webapp.mail.diagnosis.certificate_rules import diagnose_certificate
from webapp.mail.diagnosis.descriptions import TEXTS, describe, describe_token
from webapp.mail.diagnosis.smtp_rules import ERROR_RULES
from webapp.mail.diagnosis.token_rules import ASK_AGAIN, diagnose_authentication, diagnose_token
from webapp.mail.replies.reading import read
from webapp.mail.transcript import Stage
from webapp.mail.transport.smtp import REFUSED
from webapp.providers import Diagnosis, Failure
from webapp.providers.oauth2 import LABELS, USER_GRANTS
from webapp.providers.registry import get_providers


def diagnose(provider: str, settings: Mapping[str, str], failure: Failure) -> Diagnosis | None:
    """Return the diagnosis: the provider's own, else the one for any server; None if no server was asked.

    `provider` is a key. `settings` are the public values of the mail server.
    """
    if failure.stage not in list(Stage):
        return None
    from_mail_server = failure.reply and failure.stage != Stage.TOKEN
    reading = read(failure.stage, failure.reply) if from_mail_server else None
    diagnosis = _diagnose(provider, settings, replace(failure, cause=reading.cause) if reading else failure)
    authentication = settings.get("authentication")
    if failure.stage == Stage.TOKEN and authentication in LABELS and authentication not in USER_GRANTS:
        # Nobody signs in again: what was corrected at the provider has to be tried.
        return replace(diagnosis, steps=[*diagnosis.steps, ASK_AGAIN])
    return reply_rules.with_evidence(diagnosis, reading, describe_token(failure)) if reading else diagnosis


def meaning(provider: str, settings: Mapping[str, str], failure: Failure) -> str:
    """Return what a failure means in one sentence, in the reader's language: its cause, or else what happened."""
    diagnosis = diagnose(provider, settings, failure)
    return str(diagnosis.cause) if diagnosis else describe(failure)


def to_data(diagnosis: Diagnosis) -> dict[str, Any]:
    """Return a diagnosis as JSON has it, in the reader's language."""
    return {
        "cause": str(diagnosis.cause),
        "steps": [str(step) for step in diagnosis.steps],
        "help_url": diagnosis.help_url or None,
        "fix": dict(diagnosis.fix) or None,
        "confidence": diagnosis.confidence or None,
        "evidence": [str(one) for one in diagnosis.evidence],
    }


def _diagnose(provider: str, settings: Mapping[str, str], failure: Failure) -> Diagnosis:
    if failure.code == "refresh_interrupted":
        # The provider's reply is the usual one for a grant that has ended, and its rules don't know the real cause.
        return diagnose_token(failure)
    plugins = get_providers()
    if provider in plugins and (own := plugins.diagnose(plugins[provider], failure, settings)) is not None:
        return own
    if failure.stage == Stage.TOKEN:
        return diagnose_token(failure)
    if failure.stage == Stage.AUTH and settings.get("authentication") in LABELS:
        rejected = diagnose_authentication(failure)
        if rejected is not None:
            return rejected
    return _by_reply(failure, settings) if failure.reply else _by_code(failure, settings)


def _by_reply(failure: Failure, settings: Mapping[str, str]) -> Diagnosis:
    """Return the diagnosis for any server, or that of the provider whose host was entered, which has its own steps."""
    found = reply_rules.diagnose_reply(failure, settings)
    if found is reply_texts.PASSWORDS_OFF or failure.code in reply_rules.ODD_PASSWORDS:
        # The first leads to that provider; the second knows more of the password.
        return found
    host = settings.get("host", "").casefold()
    provider = next((one for one in get_providers() if host and one.connection.host == host), None)
    own = provider.diagnose(failure, settings.get("authentication", "")) if provider else None
    return own or found


def _by_code(failure: Failure, settings: Mapping[str, str]) -> Diagnosis:
    if failure.params.get(REFUSED) and failure.code not in TEXTS:
        return Diagnosis(_("The provider's plugin says: %(reason)s", reason=describe(failure)))
    if (untrusted := diagnose_certificate(failure.code, failure.params, of_mail_server=True)) is not None:
        return untrusted
    for rule in ERROR_RULES:
        if rule.matches(failure, settings):
            return rule.diagnosis
    return Diagnosis(
        _("Sending failed for a reason that Mailroom doesn't recognize. The error message is below."),
        [_("Check the host, port and security.")],
        confidence="",
    )
