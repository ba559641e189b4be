"""The page behind the link that confirms a new email address. It is requested in the profile.

Undoing a change is in `password_links`, because a new password is chosen with it.
"""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp.accounts.address_changes import service
from webapp.accounts.links import browser as links
from webapp.accounts.models import LinkPurpose
from webapp.accounts.sessions import browser as sessions
from webapp.core.app_state import app_state
from webapp.web import csrf, language
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
            with app_state().database.read() as session:
                effect = service.link_effect(session, secret, LinkPurpose.CONFIRM_ADDRESS)
            link, other = links.fingerprint_field(secret), sessions.other_user(effect.user_id)
            return render_template("profile/confirm_address.html", form=form, effect=effect, link=link, other=other)
        with app_state().database.transaction() as session:
            user = service.confirm(session, secret)
    except service.REFUSALS as error:
        return links.refusal_page(LinkPurpose.CONFIRM_ADDRESS, error)
    if sessions.other_user(user.id) is not None:
        return render_template("accounts/link_used_for.html", done="confirmed", address=user.email)
    # The next page doesn't know whose link was opened.
    language.prefer("")
    flash(_("Your account's address is now %(email)s. Use it to sign in.", email=user.email), "success")
    return redirect(url_for("profile.profile" if sessions.is_signed_in() else "sessions.login"))
