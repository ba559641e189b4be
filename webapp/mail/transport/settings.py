"""What a connection to a mail server needs, with all secrets decrypted."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from webapp.core.sockets import Proxy
from webapp.core.tls import NOTHING_ELSE, Trust
from webapp.mail.models import PUBLIC_SETTINGS
from webapp.providers import Account, Provider

# Where mail servers take email from programs (RFC 6409, RFC 8314; 25xx and 24xx where hosting companies block those).
# Where private hosts aren't allowed, nor are other ports, so that nobody can look for services.
MAIL_PORTS = (25, 465, 587, 2465, 2525, 2587)
# The settings of a connection that have the same names here as in the form.
_CONNECTION = frozenset({"host", "port", "security", "tls_minimum", "address_family", "username", "mechanism"})


@dataclass(frozen=True)
class AccessToken:
    """What OAuth2 authenticates with at the mail server, until it expires; `is_new` if it was issued just now.

    `account` is who it was issued to, if the provider said so.
    """

    value: str = field(repr=False)
    expires_at: datetime
    is_new: bool = False
    issued_at: datetime | None = None
    account: str = ""

    @property
    def described(self) -> str:
        """Whose it is, and from when to when it is valid, in UTC."""
        issued = f"{self.issued_at:%Y-%m-%d %H:%M:%S}" if self.issued_at else ""
        return f"{self.account} {issued} – {self.expires_at:%Y-%m-%d %H:%M:%S} UTC".strip()


class TokenSource(Protocol):
    """Where a mail server's access tokens come from."""

    def get(self) -> AccessToken:
        """Return a valid access token. Raises OAuthError."""

    def discard(self, rejected: str) -> None:
        """Never return this token again: the mail server rejected it. Raises OAuthError."""

    def check_claims(self, token: str) -> tuple[str, Mapping[str, str]]:
        """Return what is wrong with a rejected token, as the code and parameters of a failure."""


@dataclass(frozen=True)
class TransportSettings:
    """A mail server ready to send through. Its secrets are decrypted, so it lives in memory only.

    `timeout` is in seconds and applies to each step and each reply. `helo` is the name in EHLO; empty means the
    client's address. `trust` is what holds for this server besides what this machine trusts. With OAuth2, the access
    token from `tokens` is added to the secrets and is valid until `valid_until`. `address_family` is `any`, `ipv4` or
    `ipv6`. `mechanism` is the only SASL mechanism to use; empty means the best that both sides know.
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
    trust: Trust = NOTHING_ELSE
    tokens: TokenSource | None = field(default=None, repr=False)
    valid_until: datetime | None = None
    address_family: str = "any"
    mechanism: str = ""

    @property
    def without_credentials(self) -> "TransportSettings":
        """The same, without signing in."""
        return replace(self, authentication="none", secrets={}, tokens=None)

    def with_values(self, values: Mapping[str, str]) -> "TransportSettings":
        """Return the same with those of these form values that are about the connection. Raises ValueError."""
        given: dict[str, Any] = {name: value for name, value in values.items() if name in _CONNECTION}
        if "port" in given:
            given["port"] = int(given["port"])
        trust = replace(
            self.trust,
            authorities=values.get("trusted_certificates", self.trust.authorities),
            pinned=values.get("pinned_certificate", self.trust.pinned),
        )
        return replace(self, trust=trust, **given)

    @property
    def account(self) -> Account:
        """What the provider authenticates with."""
        return Account(self.username, self.secrets, self.fields)

    @property
    def public_values(self) -> dict[str, str]:
        """What diagnosis rules may see: everything except the secrets."""
        return {**self.fields, **{name: str(getattr(self, name)) for name in PUBLIC_SETTINGS}}
