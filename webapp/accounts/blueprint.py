"""What the pages of all rooms of accounts share: the blueprint that they are in, and what several of them ask."""

from flask import Blueprint
from werkzeug.wrappers import Response

from webapp.accounts.passwords import rules as password_rules
from webapp.accounts.passwords.rules import Rules
from webapp.context import parts
from webapp.settings import service as settings

blueprint = Blueprint("accounts", __name__)

Page = str | Response | tuple[str, int]

# More than any secret of ours has, and little enough for a cookie.
LONGEST_SECRET = 100


def limited() -> bool:
    """Whether requests are counted against limits."""
    return parts().config.rate_limits == "on"


def public_url() -> str:
    """Where people reach Mailroom; empty until it is set."""
    with parts().database.reading() as session:
        return settings.general(session, parts().config).public_url


def rules() -> Rules:
    """What a new password has to be like now."""
    with parts().database.reading() as session:
        return password_rules.in_force(session, parts().config)
