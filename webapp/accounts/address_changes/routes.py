"""The pages behind the links that confirm or undo a new email address. It is requested in the profile."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask import session as browser
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp.accounts.address_changes import service
from webapp.accounts.address_changes.service import LinkEffect
from webapp.accounts.links import browser as links
from webapp.accounts.models import LinkPurpose
from webapp.accounts.sessions import browser as sessions
from webapp.core.app_state import app_state
from webapp.web import csrf
from webapp.web.forms import ConfirmForm

blueprint = Blueprint("address_changes", __name__)


@blueprint.get("/confirm-address/<secret>")
def open_confirmation(secret: str) -> Response:
    """Move the secret of the link into the session; nothing is changed."""
    return links.store_and_redirect(LinkPurpose.CONFIRM_ADDRESS, secret, "address_changes.confirm_address")


@blueprint.route("/confirm-address", methods=["GET", "POST"])
@csrf.exempt
def confirm_address() -> ResponseReturnValue:
    """Confirm a new address; nobody needs to be signed in."""
    form = ConfirmForm()
    try:
        secret = links.current_secret(LinkPurpose.CONFIRM_ADDRESS)
        if not form.validate_on_submit():
            effect = _effect(secret, LinkPurpose.CONFIRM_ADDRESS)
            return _page("profile/confirm_address.html", form, effect, secret)
        with app_state().database.transaction() as session:
            user = service.confirm(session, secret)
    except service.REFUSALS as error:
        return links.refusal_page(LinkPurpose.CONFIRM_ADDRESS, error)
    if sessions.other_user(user.id) is not None:
        return render_template("accounts/link_used_for.html", done="confirmed", address=user.email)
    flash(_("Your account's address is now %(email)s. Use it to sign in.", email=user.email), "success")
    return redirect(url_for("profile.profile" if sessions.is_signed_in() else "sessions.login"))


@blueprint.get("/restore-address/<secret>")
def open_restoration(secret: str) -> Response:
    """Move the secret of the link into the session; nothing is changed."""
    return links.store_and_redirect(LinkPurpose.RESTORE_ADDRESS, secret, "address_changes.restore_address")


@blueprint.route("/restore-address", methods=["GET", "POST"])
@csrf.exempt
def restore_address() -> ResponseReturnValue:
    """Undo a change of the address, and go on to choose a new password."""
    form = ConfirmForm()
    try:
        secret = links.current_secret(LinkPurpose.RESTORE_ADDRESS)
        if not form.validate_on_submit():
            effect = _effect(secret, LinkPurpose.RESTORE_ADDRESS)
            return _page("profile/restore_address.html", form, effect, secret)
        with app_state().database.transaction() as session:
            user, reset_secret = service.restore(session, secret)
    except service.REFUSALS as error:
        return links.refusal_page(LinkPurpose.RESTORE_ADDRESS, error)
    if sessions.other_user(user.id) is None:
        browser.clear()
    browser[LinkPurpose.RESET] = reset_secret
    flash(_("Your account's address is %(email)s again.", email=user.email), "success")
    return redirect(url_for("password_links.reset_password"))


def _page(template: str, form: ConfirmForm, effect: LinkEffect, secret: str) -> str:
    link, other = links.fingerprint_field(secret), sessions.other_user(effect.user_id)
    return render_template(template, form=form, effect=effect, link=link, other=other)


def _effect(secret: str, purpose: LinkPurpose) -> LinkEffect:
    with app_state().database.read() as session:
        return service.link_effect(session, secret, purpose)
