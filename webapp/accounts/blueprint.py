"""What the pages of all rooms of accounts share: what several of them ask."""

from werkzeug.wrappers import Response

from webapp.core.app_state import app_state
from webapp.settings import service as settings

Page = str | Response | tuple[str, int]

# More than any secret of ours has, and little enough for a cookie.
LONGEST_SECRET = 100


def public_url() -> str:
    """Where people reach Mailroom; empty until it is set."""
    with app_state().database.read() as session:
        return settings.general(session, app_state().config).public_url
