"""What replies of SMTP servers mean, for every provider: the text for the cause that is read in them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import groupby

from webapp.core.i18n import lazy_gettext as _
from webapp.mail.diagnosis import reply_texts as texts
from webapp.mail.replies.concepts import names
from webapp.mail.replies.reading import Evidence, Reading, read
from webapp.providers import Cause, Diagnosis, Failure
from webapp.providers.diagnosis import Text

PASSWORD_HAS_SPACES = _(
    "The password contains spaces. If it's shown in groups, as app passwords are, enter it without the spaces."
)
PASSWORD_NOT_ASCII = _(
    "The password contains characters outside ASCII, such as é or §, which some servers don't accept."
)
# What is odd about a rejected password, by the code of the failure.
ODD_PASSWORDS = {"password_has_spaces": PASSWORD_HAS_SPACES, "password_not_ascii": PASSWORD_NOT_ASCII}
# Characters of a reply that isn't understood; all of it is shown below.
MAX_SHOWN = 300
# Their advice is to do what the settings hold already.
DONE = Diagnosis(
    _("The server refused to continue, although the settings have what it asks for. Its reply, below, says why."),
    [texts.SEND_REPLY],
)
ENCRYPTED_NOW = Diagnosis(
    _("The server asks for encryption, although the connection is encrypted."),
    [_("Try another port of the server: usually 587 with STARTTLS, or 465 with TLS."), texts.SEND_REPLY],
)


def diagnose_reply(failure: Failure, settings: Mapping[str, str]) -> Diagnosis:
    """Return the diagnosis of what a mail server replied."""
    reading = read(failure.stage, failure.reply)
    diagnosis = _unless_done(reading, _text(reading, failure), settings)
    if reading.cause is Cause.CREDENTIALS and failure.code in ODD_PASSWORDS:
        return replace(diagnosis, steps=[ODD_PASSWORDS[failure.code], *diagnosis.steps])
    return diagnosis


def with_evidence(diagnosis: Diagnosis, reading: Reading, token: str = "") -> Diagnosis:
    """Return the diagnosis with what led to it, and no surer than the reply is, unless the `token` says more."""
    evidence = [*diagnosis.evidence, *filter(None, [token]), *map(_sentence, _distinct(reading.evidence))]
    sure = diagnosis.confidence == "high" and reading.confidence and not token
    return replace(diagnosis, evidence=evidence, confidence=reading.confidence if sure else diagnosis.confidence)


def _text(reading: Reading, failure: Failure) -> Diagnosis:
    """Return the text for a cause, or a closer one where the reply names something that has one."""
    if reading.cause is Cause.AUTH_DISABLED and failure.stage == "auth" and re.match(r"50[0-4]\b", failure.reply):
        return texts.AUTHENTICATION_OFF
    if reading.cause is Cause.NOT_UNDERSTOOD:
        return _unknown(failure.reply, reading)
    for concept, diagnosis in texts.BY_NAME.get(reading.cause, ()):
        if names(concept, reading.text):
            return diagnosis
    return texts.BY_CAUSE[reading.cause]


def _unknown(reply: str, reading: Reading) -> Diagnosis:
    """Return the diagnosis of a reply that isn't understood: the server's reply first."""
    words = " ".join(reply.split())
    shown = words if len(words) <= MAX_SHOWN else words[:MAX_SHOWN] + "…"
    steps = [texts.TEMPORARY, *texts.NOT_UNDERSTOOD.steps] if reading.retry_helps else texts.NOT_UNDERSTOOD.steps
    cause = _("The server said: “%(reply)s”. Mailroom doesn't recognize this reply.", reply=shown)
    return replace(texts.NOT_UNDERSTOOD, cause=cause, steps=steps)


def _unless_done(reading: Reading, diagnosis: Diagnosis, settings: Mapping[str, str]) -> Diagnosis:
    """Return the diagnosis, unless it asks for what the settings hold already."""
    encrypted = settings.get("security", "none") != "none"
    signed_in = settings.get("authentication", "none") != "none"
    if reading.cause is Cause.TLS_REQUIRED and encrypted:
        return ENCRYPTED_NOW
    if reading.cause is Cause.AUTH_REQUIRED and signed_in:
        return texts.RELAY_DENIED_SIGNED_IN if names("relay", reading.text) else DONE
    if reading.cause is Cause.RELAY_DENIED:
        return texts.RELAY_DENIED_SIGNED_IN if signed_in else texts.NEEDS_AUTHENTICATION
    return diagnosis


def _distinct(evidence: Iterable[Evidence]) -> list[Evidence]:
    """Leave out what says the same as the one before: a reply code and an enhanced code often have one title."""
    return [next(group) for _key, group in groupby(evidence, key=lambda one: one.title or one.value)]


def _sentence(evidence: Evidence) -> Text:
    if evidence.kind == "words":
        return _("The reply says “%(words)s”.", words=evidence.value)
    values = {"code": evidence.value, "title": evidence.title, "source": evidence.source}
    if evidence.kind == "enhanced":
        return _("Enhanced code %(code)s: “%(title)s” (%(source)s).", **values)
    return _("Reply code %(code)s: “%(title)s” (%(source)s).", **values)
