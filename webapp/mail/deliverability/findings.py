"""What the check finds: sentences, records to publish, and who sends."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from flask_babel import gettext as _

from webapp.core.resolver import LookupFailed
from webapp.mail.mime import bare_address
from webapp.mail.models import MailServer
from webapp.providers import Dns, Provider, Text
from webapp.providers.registry import ProviderRegistry


class Level(StrEnum):
    """How bad it is. UNKNOWN: it could not be looked up, or can't be seen from here."""

    OK = "ok"
    UNKNOWN = "unknown"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Record:
    """A DNS record to publish. Without a `value`, the service shows it: `source` says where."""

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


@dataclass(frozen=True)
class Sender:
    """Who sends: the address that emails are from, and the server that they go through.

    `dns` is what the service declares, also where its host was entered under “Custom”.
    """

    address: str
    host: str
    username: str
    provider: Provider

    @classmethod
    def of(cls, server: MailServer, providers: ProviderRegistry) -> Self:
        """Return the sender of a mail server."""
        provider = providers.get(server.provider) or providers.default
        host = provider.host(server.host, server.provider_fields).lower().rstrip(".")
        if provider.dns is None:
            provider = next((one for one in providers if host and one.connection.host == host), provider)
        return cls(bare_address(server.mail_from), host, server.username, provider)

    @property
    def domain(self) -> str:
        """The domain of the address, in ASCII."""
        return self.address.rpartition("@")[2].lower()

    @property
    def server(self) -> str:
        """What the server is called: the service, if it is known, else its host."""
        return str(self.provider.label) if self.dns else self.host

    @property
    def dns(self) -> Dns | None:
        """What the service declares; None for any other server."""
        return self.provider.dns


def not_looked_up(subject: str, error: LookupFailed) -> Finding:
    """Return the finding of a failed lookup, which says nothing of what there is."""
    text = _(
        "This could not be looked up: the name servers gave no answer for %(name)s (%(kind)s).",
        name=error.name,
        kind=error.kind,
    )
    return Finding(subject, Level.UNKNOWN, text)
