"""The link secrets that a browser holds: one for each purpose, in the session cookie."""

import re

from flask import redirect, render_template, request, url_for
from flask import session as browser
from werkzeug.wrappers import Response

from webapp.accounts.links import errors, service
from webapp.accounts.links.errors import LinkRefused, LinkReplaced
from webapp.accounts.models import LinkPurpose
from webapp.accounts.return_to import WayBack
from webapp.accounts.service import AddressTaken
from webapp.core.app_state import app_state
from webapp.core.sealing import sha256_hex
from webapp.web import language

# Longer than any secret, and short enough for a cookie.
MAX_SECRET_LENGTH = 100
# The field in which a form names the link of its page: another window may have opened another link since.
LINK_FIELD = "link"
# What ends a secret. It is copied along when a link ends a sentence or is in brackets.
_END = re.compile(r"[^A-Za-z0-9_-]")


def store_and_redirect(purpose: LinkPurpose, secret: str, endpoint: str) -> Response:
    """Move the secret of an opened link into the session, and redirect to a URL without it."""
    secret = _END.split(secret, maxsplit=1)[0]
    browser[purpose] = secret[:MAX_SECRET_LENGTH]
    service.record_opened(app_state().database, secret, purpose)
    return redirect(url_for(endpoint))


def current_secret(purpose: LinkPurpose) -> str:
    """Return the secret of the link opened last in this browser, empty if none; the page prefers its user's language.

    Raises LinkReplaced for a form of a page that showed another link: it would change somebody else's account.
    """
    current = str(browser.get(purpose, ""))
    with app_state().database.read() as session:
        language.prefer(service.find_language(session, current, purpose))
    posted = request.form.get(LINK_FIELD)
    if current and posted is not None and posted != fingerprint_field(current):
        raise LinkReplaced
    return current


def fingerprint_field(secret: str) -> str:
    """Return a value that tells one link from another and reveals nothing else."""
    return sha256_hex(secret)[:16]


def refusal_page(
    purpose: LinkPurpose, error: LinkRefused | AddressTaken, way_back: WayBack | None = None
) -> tuple[str, int]:
    """Render the page that says why a link was refused, and what helps. Raises TooManyRequests."""
    with app_state().database.transaction() as session:
        service.record_refused(session, browser.get(purpose, ""), purpose, error, request.remote_addr or "")
    # The session stays as it is: a second click must not undo what the first one did.
    step = errors.next_step(purpose, error)
    return render_template("accounts/link_refused.html", refused=error, step=step, way_back=way_back), error.status
