"""Reads a reply: which cause it names, how sure that is, and what decided it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from webapp.mail.replies import basic_codes, enhanced_codes
from webapp.mail.replies.concepts import Places, names
from webapp.mail.replies.parsing import DOMAIN_WORD, IP_WORD, ParsedReply, parse
from webapp.mail.replies.signs import SIGNS
from webapp.providers import Cause

# What ends by itself, whatever the first digit of the reply is: some servers say 5xx of a limit that lasts a day.
PASSING = frozenset({
    Cause.TOO_MANY_ATTEMPTS, Cause.GREYLISTED, Cause.RATE_LIMITED, Cause.QUOTA_EXCEEDED, Cause.SERVER_BUSY,
    Cause.SERVER_FULL, Cause.SERVER_CLOSING, Cause.RECIPIENT_MAILBOX_FULL,
})  # fmt: skip
# What may end by itself if the server says so with a 4xx. Of all others a 4xx doesn't promise it: a sender domain
# without DNS gets a 450 each time.
PASSING_IF_TEMPORARY = frozenset({
    Cause.RECIPIENT_REFUSED, Cause.PROTOCOL, Cause.NOT_UNDERSTOOD,
})  # fmt: skip
# What may end by itself only where a 4xx says so in words, too: of a name or a policy that couldn't be looked up.
PASSING_IF_SAID = frozenset({
    Cause.SENDER_DOMAIN, Cause.DKIM_SPF_DMARC, Cause.HOSTNAME_REFUSED, Cause.CONFIGURATION_SERVER,
})  # fmt: skip
# What can't be the cause yet: before the sign-in a server knows neither account nor sender, then no recipient, then no
# content.
_OF_RECIPIENTS = {
    Cause.RECIPIENT_UNKNOWN, Cause.RECIPIENT_MAILBOX_FULL, Cause.RECIPIENT_REFUSED, Cause.RECIPIENT_SYNTAX,
    Cause.TOO_MANY_RECIPIENTS,
}  # fmt: skip
_OF_CONTENT = {Cause.CONTENT_REFUSED, Cause.HEADER_INVALID, Cause.LINE_TOO_LONG}
_OF_SENDERS = {Cause.SENDER_NOT_ALLOWED, Cause.SENDER_DOMAIN, Cause.DKIM_SPF_DMARC, Cause.MESSAGE_TOO_LARGE}
_OF_ACCOUNTS = {Cause.CREDENTIALS, Cause.APP_PASSWORD_NEEDED, Cause.ACCOUNT_SUSPENDED, Cause.SENDER_MAILBOX_FULL}
_BEFORE_SIGN_IN = frozenset(_OF_ACCOUNTS | _OF_SENDERS | _OF_RECIPIENTS | _OF_CONTENT)
IMPOSSIBLE = {
    "greeting": _BEFORE_SIGN_IN,
    "tls": _BEFORE_SIGN_IN | {Cause.PROTOCOL},
    "ehlo": _BEFORE_SIGN_IN,
    "auth": frozenset({*_OF_RECIPIENTS, *_OF_CONTENT, *_OF_SENDERS}),
    "mail": frozenset({*_OF_RECIPIENTS, *_OF_CONTENT} - {Cause.TOO_MANY_RECIPIENTS}),
    "rcpt": frozenset(_OF_CONTENT),
}
Confidence = Literal["high", "medium", "low", ""]
# A cause needs this much to be named at all, and this much and this lead on any other to be sure of it.
NAMED, LIKELY, SURE = 3.0, 5.0, 7.0
CLEAR_LEAD = 2.0
AGREEMENT = 1.0
# Of the evidence: what everybody can check comes first.
ORDER = ("words", "enhanced", "code")


@dataclass(frozen=True)
class Evidence:
    """One thing in a reply that points to its cause.

    `kind` is `words` (quoted from the reply), `enhanced` or `code`; for the codes, `title` is their meaning in
    `source`.
    """

    kind: Literal["words", "enhanced", "code"]
    value: str
    title: str = ""
    source: str = ""


@dataclass(frozen=True)
class Reading:
    """What a reply means; `confidence` is empty if it isn't understood.

    `text` is the reply as it was read: without addresses, URLs and ids.
    """

    cause: Cause
    confidence: Confidence
    evidence: Sequence[Evidence]
    retry_helps: bool
    text: str = ""


Finding = tuple[Cause, float, Evidence]


@lru_cache(maxsize=256)
def read(stage: str, reply: str) -> Reading:
    """Return what a reply at a stage (`webapp.mail.transcript.Stage`) means. Its time is linear in its length."""
    parsed = parse(reply)
    if parsed.quoted:
        # Such as of a sign-in that failed before: "530 5.7.57 … Error: 535 5.7.139 Authentication unsuccessful".
        inner = read("auth" if parsed.quoted.startswith("53") else stage, parsed.quoted)
        if inner.confidence:
            return inner
    return _read(stage, parsed)


def _read(stage: str, parsed: ParsedReply) -> Reading:
    found = (*_by_words(parsed, stage), *_by_enhanced_codes(parsed), *_by_code(parsed, stage))
    findings = [one for one in found if one[0] not in IMPOSSIBLE.get(stage, ())]
    ranked = sorted(_totals(findings).items(), key=lambda one: -one[1])
    if not ranked or ranked[0][1] < NAMED:
        return Reading(Cause.NOT_UNDERSTOOD, "", (), str(parsed.code).startswith("4"), parsed.text)
    cause, total = ranked[0]
    lead = total - (ranked[1][1] if len(ranked) > 1 else 0.0)
    decided = sorted((one for one in findings if one[0] is cause), key=lambda one: -one[1])
    strongest = {one[2].kind: one[2] for one in reversed(decided)}
    evidence = sorted(strongest.values(), key=lambda one: ORDER.index(one.kind))
    sure = _confidence(total, lead, contradicted=any(_contradicts(one, cause) for one in findings))
    return Reading(cause, sure, tuple(evidence), _retry_helps(cause, parsed), parsed.text)


def _contradicts(finding: Finding, cause: Cause) -> bool:
    """Return whether an enhanced code clearly names another cause."""
    other, weight, evidence = finding
    return other is not cause and evidence.kind == "enhanced" and weight >= LIKELY


def _by_words(parsed: ParsedReply, stage: str) -> Iterator[Finding]:
    places, digit = Places(parsed.text, parsed.names), str(parsed.code)[:1]
    for sign in SIGNS:
        words = sign.found(places, stage, digit)
        if words:
            yield sign.cause, sign.weight, Evidence("words", _quoted(words))


def _quoted(words: str) -> str:
    """Return words of a reply for display, with an ellipsis in place of each address and host name."""
    return words.replace(IP_WORD, "…").replace(DOMAIN_WORD, "…")


def _by_enhanced_codes(parsed: ParsedReply) -> Iterator[Finding]:
    for code in parsed.enhanced:
        known = enhanced_codes.lookup(code)
        if known is not None and known.cause is not None:
            yield known.cause, known.weight, Evidence("enhanced", code, known.title, known.source)


def _by_code(parsed: ParsedReply, stage: str) -> Iterator[Finding]:
    known = basic_codes.lookup(parsed.code, stage)
    if known is not None:
        yield known.cause, known.weight, Evidence("code", str(parsed.code), known.title, known.source)


def _totals(findings: Sequence[Finding]) -> dict[Cause, float]:
    """Return how much points to each cause: its strongest finding, and a little for each other kind that agrees.

    A code seldom says more than the words do, and often less: most servers have few codes for many reasons.
    """
    best: dict[Cause, dict[str, float]] = defaultdict(dict)
    for cause, weight, evidence in findings:
        kinds = best[cause]
        kinds[evidence.kind] = max(kinds.get(evidence.kind, 0.0), weight)
    return {cause: max(kinds.values()) + AGREEMENT * (len(kinds) - 1) for cause, kinds in best.items()}


def _confidence(total: float, lead: float, contradicted: bool) -> Confidence:
    if total >= SURE and lead >= CLEAR_LEAD and not contradicted:
        return "high"
    return "medium" if total >= LIKELY and lead >= 1 else "low"


def _retry_helps(cause: Cause, parsed: ParsedReply) -> bool:
    """Return whether the same message may be accepted later without anybody changing anything."""
    if cause is Cause.QUOTA_EXCEEDED and names("credits", parsed.text) and not names("daily", parsed.text):
        return False
    if cause in PASSING or not str(parsed.code).startswith("4"):
        return cause in PASSING
    said = names("later", parsed.text) or names("dead", parsed.text)
    return cause in PASSING_IF_TEMPORARY or (cause in PASSING_IF_SAID and said)
