"""What the pages of all rooms of accounts share: what several of them ask."""

from werkzeug.wrappers import Response

from webapp.accounts.passwords import policy as password_rules
from webapp.accounts.passwords.policy import PasswordPolicy
from webapp.core.app_state import app_state
from webapp.settings import service as settings

Page = str | Response | tuple[str, int]

# More than any secret of ours has, and little enough for a cookie.
LONGEST_SECRET = 100


def public_url() -> str:
    """Where people reach Mailroom; empty until it is set."""
    with app_state().database.read() as session:
        return settings.general(session, app_state().config).public_url


def rules() -> PasswordPolicy:
    """What a new password has to be like now."""
    with app_state().database.read() as session:
        return password_rules.current(session, app_state().config)
