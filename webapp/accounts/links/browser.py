"""Which link a page shows: a browser keeps one for each purpose, and another window may have opened another since."""

from flask import request
from flask import session as browser

from webapp.accounts.links.service import LinkReplaced
from webapp.accounts.models import LinkPurpose
from webapp.core.sealing import sha256_hex

# The field in which a form says of which link its page is.
FIELD = "link"


def current_secret(purpose: LinkPurpose) -> str:
    """The secret of the link that this browser opened last, empty if none.

    Raises OtherLink for a form from a page that showed another one: it would be used on somebody else's account.
    """
    present = str(browser.get(purpose, ""))
    said = request.form.get(FIELD)
    if present and said is not None and said != fingerprint_field(present):
        raise LinkReplaced
    return present


def fingerprint_field(secret: str) -> str:
    """What tells one link from another, and nothing else of it."""
    return sha256_hex(secret)[:16]
