"""Failures, and what plugins say about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flask_babel.speaklater import LazyString

from webapp.providers.rules import Url

Text = str | LazyString


@dataclass(frozen=True)
class Failure:
    """One failed attempt, as it is stored and as diagnosis rules see it.

    `stage` is one of `webapp.mail.transcript.Stage`. `code` names the failure (`connection_refused`,
    `invalid_grant`); it is empty where only the reply says anything. `params` fill its wording in,
    among them `error`, the system's own text. `reply` is what the server said, with its code first
    (`535 5.7.8 …`); empty if it said nothing.
    """

    stage: str
    code: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    reply: str = ""
    permanent: bool = False


@dataclass(frozen=True)
class Diagnosis:
    """What a failure means: the cause, the steps that fix it, further reading, and the fix as form values."""

    cause: Text
    steps: Sequence[Text] = ()
    help_url: Url = ""
    fix: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DiagnosisRule:
    """A known failure and its diagnosis.

    It matches when the server's reply starts with `reply` (code and enhanced code) and contains
    `phrase`, regardless of letter case and line breaks, and when the failure has this `code`.
    What is empty matches anything. The rest of a reply changes from month to month.
    """

    reply: str
    diagnosis: Diagnosis
    phrase: str = ""
    code: str = ""

    def matches(self, failure: Failure) -> bool:
        """Return whether this rule is about this failure."""
        text = " ".join(failure.reply.split()).casefold()
        start = self.reply.casefold()
        if start and text != start and not text.startswith(start + " "):
            return False
        return self.phrase.casefold() in text and self.code in ("", failure.code)
