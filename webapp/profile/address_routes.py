"""Another address: asked for in the profile, confirmed and undone behind the links that were mailed."""

from flask import flash, redirect, render_template, url_for
from flask import session as browser
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp import pages
from webapp.access import signed_in
from webapp.accounts.blueprint import Page, limited
from webapp.accounts.links import codes, shown
from webapp.accounts.links.code_routes import refusal
from webapp.accounts.links.routes import link_refused, opened
from webapp.accounts.models import Purpose
from webapp.accounts.sign_ins import sessions
from webapp.accounts.sign_ins.confirming import SignInEnded, WrongPassword
from webapp.accounts.sign_ins.routes import sign_in_again
from webapp.context import parts
from webapp.errors import TooManyRequests
from webapp.forms import ConfirmForm, text
from webapp.profile import address
from webapp.profile.address import Offer
from webapp.profile.forms import AddressCodeForm, AddressForm
from webapp.profile.routes import back, blueprint, page
from webapp.security import csrf


@blueprint.route("/profile/address", methods=["GET", "POST"])
@csrf.exempt
def change_address() -> Page:
    """Ask for another address; it has to be confirmed first."""
    form, person = AddressForm(), signed_in()
    form.present = person.email
    if not form.validate_on_submit():
        return page(address_form=form)
    email, password = text(form.email), text(form.current_password)
    try:
        address.ask(parts().database, parts().queue, person, email, password, sessions.sign_in(), limited())
    except WrongPassword as wrong:
        form.problem("current_password", str(wrong))
        return page(address_form=form)
    except SignInEnded as ended:
        return sign_in_again(ended, url_for("profile.profile"))
    except TooManyRequests as error:
        form.form_errors.append(pages.when_again(error))
        return pages.too_many(error, page(address_form=form))
    _flash_mail(email)
    return back()


@blueprint.post("/profile/address/again")
def send_again() -> Page:
    """Another mail to the address that waits."""
    with parts().database.writing() as session:
        change = address.send_again(session, parts().queue, signed_in().id, limited())
    _flash_mail(change.email)
    return back()


@blueprint.route("/profile/address/code", methods=["GET", "POST"])
@csrf.exempt
def type_code() -> Page:
    """Type the code in place of opening the link in the mail to the new address."""
    form = AddressCodeForm()
    if not form.validate_on_submit():
        return page(code_form=form)
    person, purpose, typed = signed_in(), Purpose.CONFIRM_ADDRESS, text(form.code)
    try:
        with parts().database.writing() as session:
            opened = codes.redeem_own(session, parts().sealer, person, purpose, typed, sessions.client(), limited())
    except TooManyRequests as error:
        form.form_errors.append(pages.when_again(error))
        return pages.too_many(error, page(code_form=form))
    if opened is None:
        form.problem("code", refusal())
        return page(code_form=form)
    browser[opened.purpose] = opened.secret
    return redirect(url_for("profile.confirm_address"))


@blueprint.post("/profile/address/cancel")
def cancel_change() -> Page:
    """Keep the address of now."""
    with parts().database.writing() as session:
        address.cancel(session, signed_in().id)
    flash(_("Your address stays as it is."), "success")
    return back()


@blueprint.get("/confirm-address/<secret>")
def open_confirmation(secret: str) -> Response:
    """Move the secret of the link out of the address; nothing is spent."""
    return opened(Purpose.CONFIRM_ADDRESS, secret, "profile.confirm_address")


@blueprint.route("/confirm-address", methods=["GET", "POST"])
@csrf.exempt
def confirm_address() -> Page:
    """Confirm a new address; also in a browser in which nobody is signed in."""
    form = ConfirmForm()
    try:
        secret = shown.secret(Purpose.CONFIRM_ADDRESS)
        if not form.validate_on_submit():
            offer = _offered(secret, Purpose.CONFIRM_ADDRESS)
            return render_template("profile/confirm_address.html", form=form, offer=offer, link=shown.mark(secret))
        with parts().database.writing() as session:
            person = address.confirm(session, parts().queue, secret)
    except address.REFUSED as refused:
        return link_refused(Purpose.CONFIRM_ADDRESS, refused)
    if sessions.is_signed_in() and signed_in().id != person.id:
        return render_template("profile/address_confirmed.html", address=person.email)
    flash(_("%(email)s is the address of your account now. Sign in with it.", email=person.email), "success")
    return redirect(url_for("profile.profile" if sessions.is_signed_in() else "accounts.login"))


@blueprint.get("/restore-address/<secret>")
def open_restoration(secret: str) -> Response:
    """Move the secret of the link out of the address; nothing is spent."""
    return opened(Purpose.RESTORE_ADDRESS, secret, "profile.restore_address")


@blueprint.route("/restore-address", methods=["GET", "POST"])
@csrf.exempt
def restore_address() -> Page:
    """Undo a change of the address, and go on to choose a new password."""
    form = ConfirmForm()
    try:
        secret = shown.secret(Purpose.RESTORE_ADDRESS)
        if not form.validate_on_submit():
            offer = _offered(secret, Purpose.RESTORE_ADDRESS)
            return render_template("profile/restore_address.html", form=form, offer=offer, link=shown.mark(secret))
        with parts().database.writing() as session:
            person, reset = address.restore(session, secret, sessions.token())
    except address.REFUSED as refused:
        return link_refused(Purpose.RESTORE_ADDRESS, refused)
    browser.clear()
    browser[Purpose.RESET] = reset
    flash(_("%(email)s is the address of your account again.", email=person.email), "success")
    return redirect(url_for("accounts.reset_password"))


def _offered(secret: str, purpose: Purpose) -> Offer:
    with parts().database.reading() as session:
        return address.offered(session, secret, purpose)


def _flash_mail(email: str) -> None:
    flash(_("A mail to %(email)s is on its way. Open the link in it to confirm the address.", email=email), "success")
