"""A mail server with its secrets open."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from webapp.core.sockets import Proxy
from webapp.mail.grants.renewal import TokenSource
from webapp.providers import Account, Provider


@dataclass(frozen=True)
class TransportSettings:
    """A mail server ready to send through: its secrets are open, so it lives in memory only.

    `timeout` is in seconds and holds for each step and each answer. `helo` is the name we give.
    `tokens` is where the access token comes from, with OAuth2; once there is one it is among the
    secrets, and holds until `good_until`.
    """

    provider: Provider
    mail_from: str
    host: str
    port: int
    security: str
    tls_minimum: str
    timeout: int
    authentication: str
    helo: str
    username: str = ""
    proxy: Proxy | None = None
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    fields: Mapping[str, str] = field(default_factory=dict)
    tokens: TokenSource | None = field(default=None, repr=False)
    good_until: datetime | None = None

    @property
    def account(self) -> Account:
        """What the provider signs in with."""
        return Account(self.username, self.secrets, self.fields)

    @property
    def public_facts(self) -> dict[str, str]:
        """What explanations may see: everything but the secrets."""
        names = ("mail_from", "host", "port", "security", "tls_minimum", "authentication", "username")
        return {**self.fields, **{name: str(getattr(self, name)) for name in names}}
