"""What failures mean: how a plugin says it, and what it is asked about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flask_babel.speaklater import LazyString

Text = str | LazyString


@dataclass(frozen=True)
class Failure:
    """One failed attempt, as explanations see it.

    `stage` is one of `webapp.mail.transcript.Stage`; `reply` is the server's answer with its
    code on the first line (`535 5.7.8 …`), empty when none came; `error` is the system's text.
    """

    stage: str
    reply: str = ""
    error: str = ""
    permanent: bool = False


@dataclass(frozen=True)
class Diagnosis:
    """What a failure means: the cause, the steps that mend it, where to read on, and the fix as form values."""

    cause: Text
    steps: Sequence[Text] = ()
    help_url: str = ""
    fix: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DiagnosisRule:
    """A known answer of the service and its diagnosis.

    It fits when the reply starts with `reply` (code and enhanced code) and contains `phrase`,
    letter case and line breaks aside: the rest of a reply changes from month to month.
    """

    reply: str
    diagnosis: Diagnosis
    phrase: str = ""

    def fits(self, failure: Failure) -> bool:
        """Whether this is the failure's explanation."""
        words = " ".join(failure.reply.split()).casefold()
        start = self.reply.casefold()
        return (words == start or words.startswith(start + " ")) and self.phrase.casefold() in words
