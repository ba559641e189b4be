"""Service accounts: their key files, and the signed requests made with them (RFC 7523)."""

import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from webapp.mail.oauth import words
from webapp.mail.oauth.errors import NotConfigured

# Short, as it is used at once; Google takes an hour at most.
LIFETIME = timedelta(minutes=5)


@dataclass(frozen=True)
class ServiceAccountKey:
    """A key file as Google gives it out."""

    email: str
    key_id: str
    key: RSAKey = field(repr=False)

    @classmethod
    def parsed(cls, text: str) -> "ServiceAccountKey":
        """The key in a JSON text. Raises Unusable, whose words hold nothing of the text."""
        try:
            facts = json.loads(text)
        except (ValueError, RecursionError):
            raise NotConfigured(error=words.KEY_NOT_JSON) from None
        if not isinstance(facts, dict) or not all(
            isinstance(facts.get(name), str) and facts[name] for name in ("client_email", "private_key")
        ):
            raise NotConfigured(error=words.KEY_NOT_WHOLE)
        try:
            key = RSAKey.import_key(facts["private_key"])
        except (JoseError, ValueError, TypeError):
            raise NotConfigured(error=words.KEY_UNREADABLE) from None
        if not key.is_private:
            raise NotConfigured(error=words.KEY_UNREADABLE)
        return cls(facts["client_email"], str(facts.get("private_key_id") or ""), key)

    def assertion(self, audience: str, subject: str, scopes: str, now: datetime) -> str:
        """A signed request for an access token to the mailbox of `subject`."""
        issued = int(now.timestamp())
        claims: dict[str, str | int] = {"iss": self.email, "sub": subject, "aud": audience, "scope": scopes}
        claims |= {"iat": issued, "exp": issued + int(LIFETIME.total_seconds()), "jti": secrets.token_urlsafe(16)}
        header = {"alg": "RS256", "typ": "JWT"} | ({"kid": self.key_id} if self.key_id else {})
        return jwt.encode(header, claims, self.key)
