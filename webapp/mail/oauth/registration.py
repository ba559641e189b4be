"""What Mailroom is at a provider: its client ID and secret, and where to ask for what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlsplit

from webapp.core.sockets import Proxy
from webapp.providers import OAuth2

# Scopes about who signed in and for how long; nobody lists them among what was granted.
ABOUT_THE_ACCOUNT = frozenset({"openid", "email", "profile", "offline_access"})
# What says which service a token is for: RFC 8707, and what others had before it.
TARGETS = ("resource", "audience")


@dataclass(frozen=True)
class ClientRegistration:
    """One grant of one provider, with the mail server's settings filled in."""

    method: OAuth2
    username: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    service_account_key: str = field(default="", repr=False)
    tenant_id: str = ""
    addresses: Mapping[str, str] = field(default_factory=dict)
    own_scopes: Sequence[str] = ()
    proxy: Proxy | None = None

    @property
    def scopes(self) -> Sequence[str]:
        """What to ask for: as declared for this grant, else as entered."""
        return self.method.grant_scopes.get(self.method.grant) or self.method.scopes or self.own_scopes

    @property
    def needed_scopes(self) -> frozenset[str]:
        """Those that mail cannot leave without, in lower case.

        Microsoft's `/.default` stands for all that was allowed, which is what an answer names in its place.
        """
        named = (one.casefold() for one in self.scopes)
        return frozenset(one for one in named if not one.endswith("/.default")) - ABOUT_THE_ACCOUNT

    @property
    def token_url(self) -> str:
        """Where tokens are asked for."""
        return self._address("token_url")

    @property
    def targets(self) -> Mapping[str, str]:
        """The services that tokens are for, by parameter, where the token address names them in its query.

        Providers look for them in the forms that they are sent.
        """
        return {name: value for name, value in parse_qsl(urlsplit(self.token_url).query) if name in TARGETS}

    @property
    def authorize_url(self) -> str:
        """Where somebody signs in."""
        return self._address("authorize_url")

    @property
    def device_authorization_url(self) -> str:
        """Where a device code is asked for."""
        return self._address("device_authorization_url")

    def _address(self, name: str) -> str:
        declared = str(getattr(self.method, name)) or self.addresses.get(name, "")
        if "{tenant}" in declared and not self.tenant_id:
            return ""
        return declared.replace("{tenant}", quote(self.tenant_id, safe=""))
