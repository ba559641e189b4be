"""The Emails tab of the settings: a preview of every kind of message, from sample data."""

import re

from flask import Blueprint, Response, make_response, render_template, request

from webapp.core import clock, i18n
from webapp.core.app_state import app_state
from webapp.mail.compose import compose
from webapp.mail.mime import Email
from webapp.outbox import kinds
from webapp.outbox.story import EXAMPLE_SENDER, EXAMPLE_URL
from webapp.settings.service import General, general
from webapp.web import security

# A click would open a window, which the frame may not: so it does nothing.
OPEN_LINKS_ELSEWHERE = '<base target="_blank">'
_HEAD = re.compile(r"<head(?:\s[^>]*)?>", re.IGNORECASE)

blueprint = Blueprint("emails", __name__, url_prefix="/settings/emails")


@blueprint.get("")
def message_kinds() -> str:
    """List the kinds."""
    return render_template("outbox/message_kinds.html", kinds=kinds.previewed_kinds())


@blueprint.get("/<kind_name>")
def preview(kind_name: str) -> Response:
    """Show one email: its subject, its HTML as wide as a desktop or a phone, and its text."""
    language = _language()
    page = render_template(
        "outbox/preview.html",
        kind=kinds.get_kind(kind_name),
        email=_sample(kind_name, language),
        languages=i18n.LANGUAGES,
        shown_in=language,
        width="phone" if request.args.get("width") == "phone" else "desktop",
    )
    return security.allow_own_frames(make_response(page))


@blueprint.get("/<kind_name>/html")
def preview_html(kind_name: str) -> Response:
    """Show the HTML alone, for the frame."""
    return frame(_sample(kind_name, _language()).html or "")


def frame(html: str) -> Response:
    """Return the HTML of an email alone, for a frame, where its links do nothing."""
    head = _HEAD.search(html)
    end = head.end() if head else 0
    return security.email_preview_policy(make_response(f"{html[:end]}{OPEN_LINKS_ELSEWHERE}{html[end:]}"))


def _sample(kind_name: str, language: str) -> Email:
    """Compose the sample of a kind, with the real names of product and support. Raises NotFound."""
    sample = kinds.get_kind(kind_name).sample(clock.now())
    with app_state().database.read() as session:
        real = general(session, app_state().config)
    example = General(EXAMPLE_URL, real.product_name, real.support_address)
    with i18n.use_language(language):
        return compose(kind_name, sample.recipient, EXAMPLE_SENDER, example, sample.data, sample.link_path)


def _language() -> str:
    """Return the chosen language, or else that of the page."""
    chosen = request.args.get("lang", "")
    return chosen if chosen in i18n.LANGUAGES else i18n.current().code
