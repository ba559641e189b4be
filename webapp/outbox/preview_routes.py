"""The Mails tab of the settings: every mail, to look at before anybody gets it."""

import flask_mail
from flask import Blueprint, Response, make_response, render_template, request

from webapp.core.app_state import app_state
from webapp.core.i18n import LANGUAGES, current
from webapp.mail.compose import TEMPLATES
from webapp.outbox import previews
from webapp.settings import security as security_settings
from webapp.web import error_pages, security

# A click would open a window, which the frame may not: so it does nothing.
SANDBOX = '<head><base target="_blank">'

blueprint = Blueprint("mails", __name__, url_prefix="/settings/mails")


@blueprint.get("")
def message_kinds() -> str:
    """All of them."""
    return render_template("outbox/message_kinds.html", templates=TEMPLATES)


@blueprint.get("/<template>")
def preview(template: str) -> Response:
    """One mail: subject, HTML as wide as a desktop or a phone, text."""
    language = _language()
    page = render_template(
        "outbox/preview.html",
        template=template,
        mail=_mail(template, language),
        languages=LANGUAGES,
        shown_in=language,
        width="phone" if request.args.get("width") == "phone" else "desktop",
    )
    return security.allow_own_frames(make_response(page))


@blueprint.get("/<template>/html")
def preview_html(template: str) -> Response:
    """The HTML alone, for the frame."""
    mail = _mail(template, _language())
    return security.email_preview_policy(make_response((mail.html or "").replace("<head>", SANDBOX, 1)))


def _mail(template: str, language: str) -> flask_mail.Message:
    """Raises NotFound."""
    with app_state().database.reading() as session:
        return previews.preview(template, language, error_pages.general(), security_settings.security(session))


def _language() -> str:
    """The language that was chosen; at first, the one of the page."""
    chosen = request.args.get("lang", "")
    return chosen if chosen in LANGUAGES else current().code
