"""Failures, and what plugins say about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from flask_babel.speaklater import LazyString

from webapp.providers.causes import Cause
from webapp.providers.rules import Url

Text = str | LazyString
Confidence = Literal["high", "medium", "low", ""]


@dataclass(frozen=True)
class Failure:
    """One failed attempt, as it is stored and as diagnosis rules see it.

    `stage` is one of `webapp.mail.transcript.Stage`. `code` names the failure (`connection_refused`,
    `invalid_grant`); it is empty where only the reply says anything. `params` fill its wording in,
    among them `error`, the system's own text. `reply` is what the server said, with its code first
    (`535 5.7.8 …`); empty if it said nothing. `cause` is what Mailroom reads in it, as far as it understands it.
    """

    stage: str
    code: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    reply: str = ""
    permanent: bool = False
    cause: Cause | Literal[""] = ""

    @property
    def stored(self) -> dict[str, Any]:
        """What is stored of it, in columns or in the data of a message."""
        return {"stage": self.stage, "code": self.code, "params": dict(self.params), "reply": self.reply}

    @classmethod
    def of_stored(cls, data: Mapping[str, Any]) -> Self:
        """Return it from that, among other data."""
        return cls(data["stage"], data["code"], data["params"], data["reply"])


@dataclass(frozen=True)
class Diagnosis:
    """What a failure means: the cause, the steps that fix it, further reading, and the fix as form values.

    `confidence` says how sure that is; it's empty if the failure isn't understood, and then pages show the server's
    words first. `evidence` are the sentences that say why; Mailroom adds what it found in the reply.
    """

    cause: Text
    steps: Sequence[Text] = ()
    help_url: Url = ""
    fix: Mapping[str, str] = field(default_factory=dict)
    confidence: Confidence = "high"
    evidence: Sequence[Text] = ()


@dataclass(frozen=True)
class DiagnosisRule:
    """A known failure and its diagnosis.

    It matches when the server's reply starts with `reply` (code and enhanced code) and contains
    `phrase`, regardless of letter case and line breaks, and when the failure has this `code` and this `cause`.
    What is empty matches anything. The words of a reply change from month to month: where the cause says enough,
    it is the better choice.
    """

    reply: str
    diagnosis: Diagnosis
    phrase: str = ""
    code: str = ""
    cause: Cause | Literal[""] = ""

    def matches(self, failure: Failure) -> bool:
        """Return whether this rule is about this failure."""
        text = " ".join(failure.reply.split()).casefold()
        start = self.reply.casefold()
        if start and text != start and not text.startswith(start + " "):
            return False
        known = self.code in ("", failure.code) and self.cause in ("", failure.cause)
        return known and self.phrase.casefold() in text
