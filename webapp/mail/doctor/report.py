"""A check for others to read: as data for programs, and as a text to share, without secrets and personal names."""

import re
from collections.abc import Iterator, Sequence
from email.utils import parseaddr
from typing import Any

from webapp.core import i18n, network_errors, version
from webapp.core.address_families import Route
from webapp.core.network_errors import classify, describe_certificate
from webapp.mail.diagnosis.descriptions import describe
from webapp.mail.diagnosis.service import diagnose
from webapp.mail.diagnosis.service import to_data as diagnosis_to_data
from webapp.mail.doctor.examination import Attempt, Examination, in_a_line
from webapp.mail.redaction import REDACTED, Redactor
from webapp.mail.transcript import stage_label
from webapp.providers.registry import get_providers

# What ends a local part, also as keyboards, URLs, HTML and quoted-printable write it; what can't be in one unquoted.
_AT = re.compile("(@|\uff20|\ufe6b|%(?:25)?40|&#64;|&#x40;|=40(?=[a-z]))", re.IGNORECASE)
_NOT_LOCAL = frozenset(' \t\n<>()[]:;,"\\')
# Long texts without a blank, as tokens, keys and identifiers are; and those of them that say something.
_TOKEN = re.compile(r"[A-Za-z0-9+/_=~-]{20,}")
_NO_TOKEN = re.compile(r"(TLS|ECDHE|DHE)[_-][A-Z0-9_-]+|[a-z]+([_-][a-z]+)*|[A-Z]+([_-][A-Z]+)*")
# Shorter names, and the words of the protocol, would make every line unreadable.
MIN_NAME_LENGTH, MIN_ENCODED_LENGTH = 3, 6
_WORDS = frozenset({"mail", "from", "rcpt", "data", "auth", "plain", "login", "ehlo", "user", "smtp", "apikey"})
# The settings that are names, of which only the domain is shown.
PERSONAL = ("mail_from", "username")


def to_data(examination: Examination) -> dict[str, Any]:
    """Return a check as JSON has it."""
    failure = None
    if examination.stage is not None:
        reply = examination.reply or None
        failure = {"stage": examination.stage, "reply": reply, "error": examination.error}
    diagnosis = None
    if examination.diagnosis is not None:
        fix = dict(examination.fix.values) or None
        diagnosis = {**diagnosis_to_data(examination.diagnosis), "fix": fix}
    return {
        "ok": examination.ok,
        "sends": examination.sends,
        "recipient": examination.recipient,
        "host": examination.host,
        "seconds": round(examination.seconds, 3),
        "stages": [
            {"name": one.stage, "ok": one.passed, "seconds": round(one.seconds, 3), "note": one.note}
            for one in examination.stages
        ],
        "failure": failure,
        "diagnosis": diagnosis,
        "warnings": [diagnosis_to_data(one) for one in examination.warnings],
        "attempts": [
            {**one.connection, "ok": one.works, "seconds": round(one.seconds, 3), "error": outcome(one) or None}
            for one in examination.attempts
        ],
        "certificates": examination.presented.to_data() if examination.presented else None,
        "address_families": [
            {"name": one.family, "addresses": list(one.addresses), "ok": one.error is None, "error": route_error(one)}
            for one in examination.routes
        ],
    }


def outcome(attempt: Attempt) -> str:
    """Return why an attempt failed, in words; empty if it didn't."""
    failure = attempt.failure
    if failure is None or failure.reply:
        return describe(failure) if failure else ""
    found = diagnose("", {"security": attempt.security, **attempt.values}, failure)
    return describe_certificate(failure.code, failure.params) or (str(found.cause) if found else describe(failure))


def route_error(route: Route) -> str | None:
    """Return why an address family doesn't work, in words."""
    return network_errors.describe(*classify(route.error)) if route.error is not None else None


def to_text(examination: Examination) -> str:
    """Return the whole check as a text in English that can be shared with strangers.

    It has no secrets, no names before an @, and nothing that may be a token.
    """
    with i18n.use_language(i18n.DEFAULT):
        lines = list(_lines(examination))
    settings = examination.settings
    names = [settings.get("username", ""), parseaddr(settings.get("mail_from", ""))[1], examination.recipient]
    # An address may have the same name.
    return f"Mailroom {version.VERSION}\n" + shareable(i18n.without_isolates("\n".join(lines)), names)


def shareable(text: str, names: Sequence[str]) -> str:
    """Return the text without local parts of addresses, without tokens, and without these names or addresses."""
    text = Redactor([name for name in names if len(name) >= MIN_ENCODED_LENGTH and "@" in name])(text)
    *addresses, rest = _AT.split(text)
    text = "".join(_without_local_part(one) if number % 2 == 0 else one for number, one in enumerate(addresses)) + rest
    for name in sorted({name.partition("@")[0] for name in names}, key=len, reverse=True):
        if len(name) >= MIN_NAME_LENGTH and name.casefold() not in _WORDS:
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", REDACTED, text, flags=re.IGNORECASE)
    return _TOKEN.sub(_without_token, text)


def _without_local_part(text: str) -> str:
    """Return a text that an @ follows without the local part at its end, which may be quoted (RFC 5321, 4.1.2)."""
    start = len(text)
    if text.endswith('"'):
        start = max(text.rfind("\n") + 1, text.rfind('"', 0, start - 1))
        while start > 0 and text[start - 1] == "\\":
            start = max(text.rfind("\n", 0, start) + 1, text.rfind('"', 0, start), 0)
    while start > 0 and text[start - 1] not in _NOT_LOCAL:
        start -= 1
    return text[:start] + REDACTED


def _without_token(found: re.Match[str]) -> str:
    return found[0] if _NO_TOKEN.fullmatch(found[0]) else REDACTED


def _lines(examination: Examination) -> Iterator[str]:
    result = "passed" if examination.ok else "FAILED"
    kind = "test email" if examination.sends else "check without sending"
    yield f"{kind}, {examination.at:%Y-%m-%d %H:%M:%S} UTC: {result}"
    yield f"provider: {get_providers().label(examination.provider)}"
    yield from (f"{name}: {_shown(name, value)}" for name, value in examination.settings.items() if value)
    yield f"recipient: {examination.recipient}"
    yield ""
    for one in examination.stages:
        yield f"[{'ok' if one.passed else 'FAILED'}] {stage_label(one.stage)} {one.seconds:.3f} s {one.note}".rstrip()
    for route in examination.routes:
        yield f"{route.family} {', '.join(route.addresses)}: {route_error(route) or 'works'} ({route.seconds:.3f} s)"
    if examination.diagnosis is not None:
        yield from ("", f"failure: {examination.error}", f"cause: {examination.diagnosis.cause}")
        yield from (f"- {step}" for step in examination.diagnosis.steps)
        yield f"fix: {in_a_line(examination.fix.values) or 'none'}"
    for warning in examination.warnings:
        yield from ("", f"warning: {warning.cause}", *(f"- {step}" for step in warning.steps))
    for certificate in examination.certificates:
        yield f"presented: {certificate.subject}, issued by {certificate.issuer or 'nobody'}"
        yield f"  {certificate.since:%Y-%m-%d} to {certificate.expires_at:%Y-%m-%d}, SHA-256 {certificate.fingerprint}"
    for attempt in examination.tried:
        yield f"tried {in_a_line(attempt.connection)}: {outcome(attempt) or 'works'} ({attempt.seconds:.3f} s)"
    yield ""
    yield from (f"{line.mark} {line.text}" for line in examination.lines)


def _shown(name: str, value: str) -> str:
    """Return a setting. Of a name, only the domain."""
    if name not in PERSONAL:
        return value
    _local, at, domain = value.rpartition("@")
    return f"{REDACTED}@{domain.rstrip('>')}" if at else REDACTED
