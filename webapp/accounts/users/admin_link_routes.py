"""Showing an administrator a one-time link to hand over: asked once, shown once."""

import segno
from flask import Blueprint, flash, redirect, render_template, url_for
from flask import session as browser
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp.accounts import service
from webapp.accounts.blueprint import Page, public_url
from webapp.accounts.links import service as links
from webapp.accounts.links.errors import AccountDisabled
from webapp.accounts.models import User
from webapp.accounts.sessions import browser as sessions
from webapp.accounts.sessions.browser import signed_in
from webapp.accounts.users import admin_links
from webapp.accounts.users.admin_links import ShownLink
from webapp.accounts.users.administration import ActionRefused
from webapp.core.app_state import app_state
from webapp.core.errors import MailroomError
from webapp.web import csrf
from webapp.web.forms import ConfirmForm

# Where a link to hand over waits, sealed, for the page that shows it.
SHOWN_LINK = "shown_link"

blueprint = Blueprint("admin_links", __name__)


@blueprint.route("/users/<int:user_id>/link", methods=["GET", "POST"])
@csrf.exempt
def create_link(user_id: int) -> Page:
    """Make a link for the person, after saying what it lets whoever has it do."""
    if not public_url():
        flash(_("Links can't be shown until the public URL is set."), "danger")
        return redirect(url_for("users.show_user", user_id=user_id))
    with app_state().database.read() as session:
        person = service.get_user(session, user_id)
    form = ConfirmForm()
    if not form.validate_on_submit():
        return _asked(form, person, admin_links.refusal_reason(person, signed_in())), 200
    try:
        with app_state().database.transaction() as session:
            made = admin_links.create(session, app_state().sealer, user_id, signed_in())
    except (ActionRefused, AccountDisabled) as refused:
        return _asked(form, person, refused), 409
    return shown_once(made)


@blueprint.get("/users/<int:user_id>/link/shown")
def show_link(user_id: int) -> Page:
    """The link, this once: whoever loads the page again or comes back to it is told so."""
    with app_state().database.transaction() as session:
        made = admin_links.show(
            session, app_state().sealer, browser.get(SHOWN_LINK, ""), user_id, sessions.current_session()
        )
    if made is None:
        # What waits may be for another person, in another window.
        flash(_("A link is shown only once. You can create a new one."), "info")
        return redirect(url_for("users.show_user", user_id=user_id))
    browser.pop(SHOWN_LINK)
    with app_state().database.read() as session:
        person = service.get_user(session, user_id)
    site = public_url()
    link = site + links.PATHS[made.purpose] + made.secret
    facts = {"person": person, "made": made, "link": link, "picture": _qr_code(link), "site": site}
    return render_template("accounts/admin_link.html", **facts)


def shown_once(made: ShownLink) -> Response:
    """Go on to the page that shows the link. It travels sealed, and is not made again when that page is reloaded."""
    browser[SHOWN_LINK] = admin_links.sealed(app_state().sealer, made, sessions.current_session())
    return redirect(url_for("admin_links.show_link", user_id=made.user_id))


def _asked(form: ConfirmForm, person: User, kept: MailroomError | None) -> str:
    return render_template("accounts/create_admin_link.html", form=form, person=person, kept=kept)


def _qr_code(link: str) -> str:
    """The link as a QR code, as the address of an image; dark on white with its margin, whatever the page's colours."""
    return segno.make(link, error="m", micro=False).svg_data_uri(scale=4, border=4, dark="#000", light="#fff")
