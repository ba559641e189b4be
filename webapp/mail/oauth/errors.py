"""What can go wrong on the way to an access token, as types with words.

`reply` holds the provider's own words, its error code first (`invalid_grant Token has been
revoked.`), `error` ours where it gave none. Neither holds a secret. What they mean and what to do
is said by `webapp.mail.diagnosis.service`, as for a mail server's replies.
"""

from datetime import datetime

from webapp.core.errors import MailroomError as Problem
from webapp.mail.oauth import words
from webapp.mail.transcript import Stage
from webapp.providers import Failure


class OAuthError(Problem):
    """There is no token. `lasting` says that trying again is of no use until somebody changes something."""

    lasting = False

    def __init__(self, *, reply: str = "", error: str = "") -> None:
        super().__init__()
        self.reply = reply
        self.error = error

    def __str__(self) -> str:
        return self.words

    @property
    def words(self) -> str:
        """What to show and to keep."""
        return self.reply or self.error

    @property
    def code(self) -> str:
        """The provider's error code, or the name of what happened: for logs."""
        return self.reply.split(" ")[0] or type(self).__name__

    def failure(self) -> Failure:
        """The same, as plugins see it."""
        return Failure(stage=Stage.TOKEN, reply=self.reply, error=self.error, permanent=self.lasting)


class Unreached(OAuthError):
    """The provider was not reached, so it knows nothing of the request."""


class Unanswered(OAuthError):
    """The provider may have got the request and acted on it, but its answer never came."""


class ProviderUnavailable(OAuthError):
    """The provider says that it has trouble, or sends us elsewhere."""


class BadTokens(OAuthError):
    """The answer cannot be used. `refresh_token` is what can be saved of it all the same."""

    def __init__(self, error: str, refresh_token: str = "") -> None:
        super().__init__(error=error)
        self.refresh_token = refresh_token


class TokenRefused(OAuthError):
    """The provider says no, for good. `server_time` is its clock."""

    lasting = True

    def __init__(self, reply: str, server_time: datetime | None = None) -> None:
        super().__init__(reply=reply)
        self.server_time = server_time


class Pending(OAuthError):
    """Nobody has typed the device code yet (RFC 8628, 3.5); `slower` asks for more seconds between two tries."""

    def __init__(self, slower: bool = False) -> None:
        super().__init__(error=words.NOT_TYPED)
        self.slower = slower


class NotConfigured(OAuthError):
    """Our own settings are no use: an address that is not https, a key that is none."""

    lasting = True


class SignInFault(OAuthError):
    """The sign-in in the browser ended without a grant; the saved settings are as they were."""

    lasting = True


class UnknownState(SignInFault):
    """The answer belongs to no sign-in that this administrator began here, or to one that is over."""


class OtherAddress(SignInFault):
    """The browser has Mailroom open at another address than the one the provider sends it back to."""


class WrongIssuer(SignInFault):
    """The answer is from another provider than was asked (RFC 9207)."""


class WrongAccount(SignInFault):
    """Another account than the user name signed in."""


class MissingScopes(SignInFault):
    """Less was granted than sending needs."""


class NoRefreshToken(SignInFault):
    """The provider gave an access token alone, which ends within the hour."""


class GrantMissing(OAuthError):
    """Nobody has signed in to the provider yet."""

    lasting = True

    def __init__(self) -> None:
        super().__init__(error=words.NOT_GENERATED)
