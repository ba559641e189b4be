"""Where a mail server's access tokens come from: its grant, or the provider directly."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.sealing import CannotUnseal
from webapp.core.sockets import Proxy
from webapp.mail.grants.renewal import Refresh
from webapp.mail.models import MailServer
from webapp.mail.oauth import claims, client
from webapp.mail.oauth.errors import GrantMissing, NotConfigured
from webapp.mail.oauth.registration import ClientRegistration
from webapp.mail.servers import OAUTH2_COLUMNS, PROXY_PASSWORD, open_secrets
from webapp.mail.transport.settings import AccessToken
from webapp.providers import OAuth2, Provider
from webapp.providers.registry import get_providers


@dataclass(frozen=True)
class GrantTokens:
    """The access tokens of a mail server; `server_id` is None for settings that are not saved.

    If a person `asked`, the provider is asked now, instead of repeating an earlier refusal.
    """

    state: AppState = field(repr=False)
    registration: ClientRegistration
    server_id: int | None
    asked: bool = False

    def get(self) -> AccessToken:
        """Return a valid access token. Raises OAuthError."""
        if self.server_id is None:
            return self._request_unsaved()
        return Refresh(self.state, self.registration, self.server_id, asked=self.asked).token()

    def discard(self, rejected: str) -> None:
        """Never return this token again: the mail server rejected it. Raises OAuthError."""
        if self.server_id is not None:
            Refresh(self.state, self.registration, self.server_id).discard(rejected)

    def force_refresh(self) -> None:
        """Refresh now, even after a failure, because an administrator waits. Raises OAuthError."""
        if self.server_id is not None:
            Refresh(self.state, self.registration, self.server_id, force=True).token()

    def refresh(self) -> None:
        """Replace the saved token, even if it is still valid. Raises OAuthError."""
        if self.server_id is not None:
            Refresh(self.state, self.registration, self.server_id).replace()

    def check_claims(self, token: str) -> tuple[str, Mapping[str, str]]:
        """Return what is wrong with a rejected token; see `webapp.mail.oauth.claims`."""
        return claims.check_claims(token, self.registration)

    def _request_unsaved(self) -> AccessToken:
        if self.registration.method.needs_user:
            raise GrantMissing
        now = clock.now()
        tokens = client.client_credentials(self.registration)
        return AccessToken(tokens.access_token, now + tokens.lifetime, is_new=True, issued_at=now)


def for_server(server: MailServer, state: AppState) -> GrantTokens:
    """Return the token source of a saved mail server. Raises NotConfigured."""
    provider = get_providers().get(server.provider)
    if provider is None:
        raise NotConfigured("plugin_missing")
    try:
        secrets = open_secrets(state.sealer, server)
    except CannotUnseal:
        raise NotConfigured("cannot_unseal") from None
    source = from_values(state, provider, server.values, secrets, server.id)
    if source is None:
        raise NotConfigured("not_oauth2")
    return source


def from_values(
    state: AppState,
    provider: Provider,
    values: Mapping[str, object],
    secrets: Mapping[str, str],
    server_id: int | None,
    asked: bool = False,
) -> GrantTokens | None:
    """Return the token source for values of the form, or None if they don't use OAuth2."""
    method = provider.authentication_named(str(values["authentication"]))
    if not isinstance(method, OAuth2):
        return None
    own = {name: str(values.get(name) or "") for name in OAUTH2_COLUMNS}
    registration = ClientRegistration(
        method=method,
        username=str(values["username"]),
        client_id=own["client_id"] if "client_id" in method.fields else "",
        client_secret=secrets.get("client_secret", ""),
        service_account_key=secrets.get("service_account_key", ""),
        tenant_id=own["tenant_id"],
        urls=own,
        own_scopes=own["scopes"].split(),
        proxy=proxy(values, secrets),
    )
    return GrantTokens(state, registration, server_id, asked)


def proxy(values: Mapping[str, object], secrets: Mapping[str, str]) -> Proxy | None:
    """Return the proxy that these values name, if any."""
    if values["proxy_type"] == "none":
        return None
    return Proxy(
        type=str(values["proxy_type"]),
        host=str(values["proxy_host"]),
        port=int(str(values["proxy_port"])),
        username=str(values["proxy_username"]),
        password=secrets.get(PROXY_PASSWORD, ""),
    )
