"""Which link a page shows: a browser keeps one for each purpose, and another window may have opened another since."""

from flask import request
from flask import session as browser

from webapp.accounts.links.service import OtherLink
from webapp.accounts.models import Purpose
from webapp.sealing import fingerprint

# The field in which a form says of which link its page is.
FIELD = "link"


def secret(purpose: Purpose) -> str:
    """The secret of the link that this browser opened last, empty if none.

    Raises OtherLink for a form from a page that showed another one: it would be used on somebody else's account.
    """
    present = str(browser.get(purpose, ""))
    said = request.form.get(FIELD)
    if present and said is not None and said != mark(present):
        raise OtherLink
    return present


def mark(secret: str) -> str:
    """What tells one link from another, and nothing else of it."""
    return fingerprint(secret)[:16]
