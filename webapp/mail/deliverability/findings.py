"""What the check finds: sentences, and records to publish."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from flask_babel import gettext as _

from webapp.core.resolver import LookupFailed
from webapp.providers import Text


class Level(StrEnum):
    """How bad it is. UNKNOWN: it could not be looked up, or can't be seen from here."""

    OK = "ok"
    UNKNOWN = "unknown"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Record:
    """A DNS record to publish. If `value` is empty, `source` says where the service shows it."""

    name: str
    type: str
    value: str = ""
    source: Text = ""


@dataclass(frozen=True)
class Finding:
    """One thing that was checked, and what the DNS has of it (`found`).

    `subject` is `sender`, `spf`, `dkim`, `dmarc`, `alignment`, `mx` or `ptr`.
    """

    subject: str
    level: Level
    text: Text
    records: Sequence[Record] = ()
    found: Sequence[str] = ()

    def to_data(self) -> dict[str, Any]:
        """Return it for JSON, in the current language."""
        return {
            "subject": self.subject,
            "level": str(self.level),
            "text": str(self.text),
            "records": [{"name": one.name, "type": one.type, "value": one.value} for one in self.records],
            "found": list(self.found),
        }


def not_looked_up(subject: str, error: LookupFailed) -> Finding:
    """Return the finding of a failed lookup, which says nothing of what there is."""
    text = _(
        "This could not be looked up: the name servers gave no answer for %(name)s (%(kind)s).",
        name=error.name,
        kind=error.kind,
    )
    return Finding(subject, Level.UNKNOWN, text)
