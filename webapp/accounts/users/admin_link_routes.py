"""The pages on which an administrator creates a one-time link, and sees it once."""

import segno
from flask import Blueprint, flash, redirect, render_template, url_for
from flask import session as browser
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp.accounts import service
from webapp.accounts.links.errors import AccountDisabled
from webapp.accounts.models import User
from webapp.accounts.sessions import browser as sessions
from webapp.accounts.sessions.browser import signed_in
from webapp.accounts.users import admin_links
from webapp.accounts.users.admin_links import ShownLink
from webapp.accounts.users.administration import ActionRefused
from webapp.core.app_state import app_state
from webapp.core.errors import MailroomError
from webapp.settings.service import general
from webapp.web import csrf
from webapp.web.forms import ConfirmForm

# The key of the session cookie under which a sealed link travels to the page that shows it.
SHOWN_LINK = "shown_link"

blueprint = Blueprint("admin_links", __name__)


@blueprint.route("/users/<int:user_id>/link", methods=["GET", "POST"])
@csrf.exempt
def create_link(user_id: int) -> ResponseReturnValue:
    """Create a link for the user, after saying what it can be used for."""
    with app_state().database.read() as session:
        user = service.get_user(session, user_id)
        has_public_url = bool(general(session, app_state().config).public_url)
    if not has_public_url:
        flash(_("Links can't be shown until the public URL is set."), "danger")
        return redirect(url_for("users.show_user", user_id=user_id))
    form = ConfirmForm()
    if not form.validate_on_submit():
        return _confirmation(form, user, admin_links.refusal_reason(user, signed_in()))
    try:
        with app_state().database.transaction() as session:
            shown = admin_links.create(session, app_state().sealer, user_id, signed_in())
    except (ActionRefused, AccountDisabled) as error:
        return _confirmation(form, user, error), 409
    return redirect_to_link(shown)


@blueprint.get("/users/<int:user_id>/link/shown")
def show_link(user_id: int) -> ResponseReturnValue:
    """Show the link once; reloading the page or coming back to it shows a message instead."""
    sealed = browser.get(SHOWN_LINK, "")
    with app_state().database.transaction() as session:
        shown = admin_links.open_once(session, app_state().sealer, sealed, user_id, sessions.current_session())
        user = service.get_user(session, user_id)
        public_url = general(session, app_state().config).public_url
    if shown is None:
        # The cookie may hold a link for another user, created in another window.
        flash(_("A link is shown only once. You can create a new one."), "info")
        return redirect(url_for("users.show_user", user_id=user_id))
    browser.pop(SHOWN_LINK)
    url = shown.url(public_url)
    return render_template(
        "accounts/admin_link.html", user=user, shown=shown, url=url, qr_code=_qr_code(url), public_url=public_url
    )


def redirect_to_link(shown: ShownLink) -> Response:
    """Redirect to the page that shows the link, which travels sealed."""
    browser[SHOWN_LINK] = admin_links.seal(app_state().sealer, shown, sessions.current_session())
    return redirect(url_for("admin_links.show_link", user_id=shown.user_id))


def _confirmation(form: ConfirmForm, user: User, refusal: MailroomError | None) -> str:
    return render_template("accounts/create_admin_link.html", form=form, user=user, refusal=refusal)


def _qr_code(url: str) -> str:
    """Return the URL as a QR code, a data URI: dark on white with a margin, whatever the colours of the page."""
    return segno.make(url, error="m", micro=False).svg_data_uri(scale=4, border=4, dark="#000", light="#fff")
