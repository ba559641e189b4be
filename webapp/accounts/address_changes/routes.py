"""Another address: asked for in the profile, confirmed and undone behind the links that were mailed."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask import session as browser
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp.accounts.address_changes import service
from webapp.accounts.address_changes.service import PendingChange
from webapp.accounts.blueprint import Page
from webapp.accounts.links import browser as shown
from webapp.accounts.links import codes
from webapp.accounts.models import LinkPurpose
from webapp.accounts.password_links.routes import link_refused, refusal, store_and_redirect
from webapp.accounts.profile.forms import AddressCodeForm, AddressForm
from webapp.accounts.profile.routes import page, redirect_to_profile
from webapp.accounts.sessions import browser as sessions
from webapp.accounts.sessions.reauthentication import SessionEnded, WrongPassword
from webapp.accounts.sessions.routes import login_again
from webapp.core.app_state import app_state
from webapp.core.errors import TooManyRequests
from webapp.web import error_pages
from webapp.web.access import signed_in
from webapp.web.forms import ConfirmForm, text
from webapp.web.security import csrf

blueprint = Blueprint("address_changes", __name__)


@blueprint.route("/profile/address", methods=["GET", "POST"])
@csrf.exempt
def request_change() -> Page:
    """Ask for another address; it has to be confirmed first."""
    form, person = AddressForm(), signed_in()
    form.present = person.email
    if not form.validate_on_submit():
        return page(address_form=form)
    email, password = text(form.email), text(form.current_password)
    try:
        service.request(app_state().database, person, email, password, sessions.current_session())
    except WrongPassword as wrong:
        form.problem("current_password", str(wrong))
        return page(address_form=form)
    except SessionEnded as ended:
        return login_again(ended, url_for("profile.profile"))
    except TooManyRequests as error:
        form.form_errors.append(error_pages.retry_text(error))
        return error_pages.too_many_requests(error, page(address_form=form))
    _flash_mail(email)
    return redirect_to_profile()


@blueprint.post("/profile/address/again")
def send_again() -> Page:
    """Another mail to the address that waits."""
    with app_state().database.transaction() as session:
        change = service.send_again(session, signed_in().id)
    _flash_mail(change.email)
    return redirect_to_profile()


@blueprint.route("/profile/address/code", methods=["GET", "POST"])
@csrf.exempt
def enter_code() -> Page:
    """Type the code in place of opening the link in the mail to the new address."""
    form = AddressCodeForm()
    if not form.validate_on_submit():
        return page(code_form=form)
    person, purpose, typed = signed_in(), LinkPurpose.CONFIRM_ADDRESS, text(form.code)
    try:
        with app_state().database.transaction() as session:
            opened = codes.redeem(session, app_state().sealer, person, purpose, typed, sessions.client())
    except TooManyRequests as error:
        form.form_errors.append(error_pages.retry_text(error))
        return error_pages.too_many_requests(error, page(code_form=form))
    if opened is None:
        form.problem("code", refusal())
        return page(code_form=form)
    browser[opened.purpose] = opened.secret
    return redirect(url_for("address_changes.confirm_address"))


@blueprint.post("/profile/address/cancel")
def cancel_change() -> Page:
    """Keep the address of now."""
    with app_state().database.transaction() as session:
        service.cancel(session, signed_in().id)
    flash(_("Address change cancelled."), "success")
    return redirect_to_profile()


@blueprint.get("/confirm-address/<secret>")
def open_confirmation(secret: str) -> Response:
    """Move the secret of the link out of the address; nothing is spent."""
    return store_and_redirect(LinkPurpose.CONFIRM_ADDRESS, secret, "address_changes.confirm_address")


@blueprint.route("/confirm-address", methods=["GET", "POST"])
@csrf.exempt
def confirm_address() -> Page:
    """Confirm a new address; also in a browser in which nobody is signed in."""
    form = ConfirmForm()
    try:
        secret = shown.current_secret(LinkPurpose.CONFIRM_ADDRESS)
        if not form.validate_on_submit():
            offer = _offered(secret, LinkPurpose.CONFIRM_ADDRESS)
            return render_template(
                "profile/confirm_address.html", form=form, offer=offer, link=shown.fingerprint_field(secret)
            )
        with app_state().database.transaction() as session:
            person = service.confirm(session, secret)
    except service.REFUSED as refused:
        return link_refused(LinkPurpose.CONFIRM_ADDRESS, refused)
    if sessions.is_signed_in() and signed_in().id != person.id:
        return render_template("profile/address_confirmed.html", address=person.email)
    flash(_("Your account's address is now %(email)s. Use it to sign in.", email=person.email), "success")
    return redirect(url_for("profile.profile" if sessions.is_signed_in() else "sessions.login"))


@blueprint.get("/restore-address/<secret>")
def open_restoration(secret: str) -> Response:
    """Move the secret of the link out of the address; nothing is spent."""
    return store_and_redirect(LinkPurpose.RESTORE_ADDRESS, secret, "address_changes.restore_address")


@blueprint.route("/restore-address", methods=["GET", "POST"])
@csrf.exempt
def restore_address() -> Page:
    """Undo a change of the address, and go on to choose a new password."""
    form = ConfirmForm()
    try:
        secret = shown.current_secret(LinkPurpose.RESTORE_ADDRESS)
        if not form.validate_on_submit():
            offer = _offered(secret, LinkPurpose.RESTORE_ADDRESS)
            return render_template(
                "profile/restore_address.html", form=form, offer=offer, link=shown.fingerprint_field(secret)
            )
        with app_state().database.transaction() as session:
            person, reset = service.restore(session, secret, sessions.token())
    except service.REFUSED as refused:
        return link_refused(LinkPurpose.RESTORE_ADDRESS, refused)
    browser.clear()
    browser[LinkPurpose.RESET] = reset
    flash(_("Your account's address is %(email)s again.", email=person.email), "success")
    return redirect(url_for("password_links.reset_password"))


def _offered(secret: str, purpose: LinkPurpose) -> PendingChange:
    with app_state().database.read() as session:
        return service.find_pending(session, secret, purpose)


def _flash_mail(email: str) -> None:
    flash(_("An email to %(email)s is on its way. Open the link in it to confirm the address.", email=email), "success")
