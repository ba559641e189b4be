"""How a provider knows Mailroom: its client ID and secret, its service account, the provider's URLs."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, quote, urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from webapp.core.sockets import Proxy
from webapp.mail.oauth.errors import NotConfigured
from webapp.providers import OAuth2

# Scopes about the account and the lifetime of the grant, which providers do not list as granted.
ACCOUNT_SCOPES = frozenset({"openid", "email", "profile", "offline_access"})
# Parameters that name the service a token is for: RFC 8707, and what was used before it.
TARGET_PARAMETERS = ("resource", "audience")
# Short, as the assertion is used immediately; Google accepts an hour at most.
ASSERTION_LIFETIME = timedelta(minutes=5)


@dataclass(frozen=True)
class ClientRegistration:
    """One OAuth2 method of one provider, with the mail server's settings filled in."""

    method: OAuth2
    username: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    service_account_key: str = field(default="", repr=False)
    tenant_id: str = ""
    urls: Mapping[str, str] = field(default_factory=dict)
    own_scopes: Sequence[str] = ()
    proxy: Proxy | None = None

    def is_of(self, values: Mapping[str, object]) -> bool:
        """Return whether a mail server with these settings gets its tokens as this client."""
        named = {**self.urls, "authentication": self.method.key, "username": self.username}
        return all(str(values.get(name) or "") == value for name, value in named.items())

    @property
    def scopes(self) -> Sequence[str]:
        """The scopes to request: those declared for this grant type, else those entered."""
        return self.method.grant_scopes.get(self.method.grant_type) or self.method.scopes or self.own_scopes

    @property
    def needed_scopes(self) -> frozenset[str]:
        """The scopes without which no email can be sent, in lower case.

        Microsoft's `/.default` stands for everything allowed, and replies name that instead.
        """
        names = (scope.casefold() for scope in self.scopes)
        return frozenset(scope for scope in names if not scope.endswith("/.default")) - ACCOUNT_SCOPES

    @property
    def token_url(self) -> str:
        """The token endpoint."""
        return self._url("token_url")

    @property
    def targets(self) -> Mapping[str, str]:
        """The services that tokens are for, by parameter, as named in the query of the token URL.

        Providers expect them in the body of requests.
        """
        query = parse_qsl(urlsplit(self.token_url).query)
        return {name: value for name, value in query if name in TARGET_PARAMETERS}

    @property
    def authorize_url(self) -> str:
        """The page where a person signs in."""
        return self._url("authorize_url")

    @property
    def device_authorization_url(self) -> str:
        """The endpoint for device codes."""
        return self._url("device_authorization_url")

    def _url(self, name: str) -> str:
        declared = str(getattr(self.method, name)) or self.urls.get(name, "")
        if "{tenant}" in declared and not self.tenant_id:
            return ""
        return declared.replace("{tenant}", quote(self.tenant_id, safe=""))


@dataclass(frozen=True)
class ServiceAccountKey:
    """A key file as Google issues it; it signs requests for tokens (RFC 7523)."""

    email: str
    key_id: str
    key: RSAKey = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "ServiceAccountKey":
        """Return the key in a JSON text. Raises NotConfigured."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            raise NotConfigured("key_not_json") from None
        if not isinstance(data, dict) or not all(
            isinstance(data.get(name), str) and data[name] for name in ("client_email", "private_key")
        ):
            raise NotConfigured("key_incomplete")
        try:
            key = RSAKey.import_key(data["private_key"])
        except (JoseError, ValueError, TypeError):
            raise NotConfigured("key_unreadable") from None
        if not key.is_private:
            raise NotConfigured("key_unreadable")
        return cls(data["client_email"], str(data.get("private_key_id") or ""), key)

    def assertion(self, audience: str, subject: str, scopes: str, now: datetime) -> str:
        """Return a signed request for an access token to the mailbox of `subject`."""
        issued = int(now.timestamp())
        claims: dict[str, str | int] = {"iss": self.email, "sub": subject, "aud": audience, "scope": scopes}
        claims |= {"iat": issued, "exp": issued + int(ASSERTION_LIFETIME.total_seconds())}
        claims["jti"] = secrets.token_urlsafe(16)
        header = {"alg": "RS256", "typ": "JWT"} | ({"kid": self.key_id} if self.key_id else {})
        return jwt.encode(header, claims, self.key)
