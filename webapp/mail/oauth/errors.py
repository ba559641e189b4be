"""What can go wrong on the way to an access token.

Each error is data: `code` is the provider's own error code (RFC 6749, 4.1.2.1 and 5.2) or one of
Mailroom's, `params` fill its wording in, and `reply` is the provider's error with its description
(`invalid_grant Token has been revoked.`), empty where it gave none. None contains a secret. Wording
and advice are in `webapp.mail.diagnosis`.
"""

from collections.abc import Mapping

from webapp.core.errors import MailroomError
from webapp.mail.transcript import Stage
from webapp.providers import Failure


class OAuthError(MailroomError):
    """There is no token. `permanent` errors stay until somebody changes something."""

    permanent = False

    def __init__(self, code: str, params: Mapping[str, str] | None = None, reply: str = "") -> None:
        super().__init__(code, reply)
        self.code = code
        self.params = dict(params or {})
        self.reply = reply

    def __str__(self) -> str:
        return self.reply or self.code

    @property
    def failure(self) -> Failure:
        """The failure as data."""
        return Failure(Stage.TOKEN, self.code, self.params, self.reply, self.permanent)


class ProviderUnavailable(OAuthError):
    """The provider was not reached, has a temporary problem, or redirects."""


class Unanswered(OAuthError):
    """The provider may have received the request and acted on it, but its reply never came."""


class InvalidTokenResponse(OAuthError):
    """The reply cannot be used."""


class TokenRefused(OAuthError):
    """The provider permanently refuses."""

    permanent = True


class Pending(OAuthError):
    """The device code has not been entered yet (RFC 8628, 3.5); `slow_down` asks for longer intervals."""

    def __init__(self, slow_down: bool = False) -> None:
        super().__init__("code_not_entered")
        self.slow_down = slow_down


class NotConfigured(OAuthError):
    """Mailroom's own settings cannot be used, such as a URL that is not https."""

    permanent = True


class AuthorizationFailed(OAuthError):
    """The authorization ended without a grant; the saved settings are unchanged."""

    permanent = True


class GrantMissing(OAuthError):
    """Nobody has authorized Mailroom at the provider yet."""

    permanent = True

    def __init__(self) -> None:
        super().__init__("not_generated")
