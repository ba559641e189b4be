"""The profile, and the pages behind the links that confirm a new address and restore an old one."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask import session as browser
from flask_babel import gettext as _
from flask_babel import refresh
from werkzeug.wrappers import Response

from webapp import pages
from webapp.access import signed_in
from webapp.accounts import address_changes
from webapp.accounts.blueprint import Page, limited, rules
from webapp.accounts.forms import NameForm
from webapp.accounts.links import codes
from webapp.accounts.links.code_routes import refusal
from webapp.accounts.links.routes import link_refused, opened
from webapp.accounts.models import Purpose
from webapp.accounts.passwords.rules import BadPassword
from webapp.accounts.sign_ins import devices, sessions
from webapp.accounts.sign_ins import service as sign_ins
from webapp.accounts.sign_ins.confirming import SignInEnded, WrongPassword
from webapp.context import parts
from webapp.errors import TooManyRequests
from webapp.forms import ConfirmForm, text
from webapp.profile import address, service
from webapp.profile.address import Offer
from webapp.profile.forms import AddressCodeForm, AddressForm, ChangePasswordForm, LanguageForm
from webapp.security import csrf

blueprint = Blueprint("profile", __name__)


@blueprint.get("/profile")
def profile() -> Page:
    """What the person can change, and where they are signed in."""
    return _profile()


@blueprint.route("/profile/name", methods=["GET", "POST"])
@csrf.exempt
def change_name() -> Page:
    """Change the name."""
    form = NameForm()
    if not form.validate_on_submit():
        return _profile(name_form=form if form.submitted() else None)
    with parts().database.writing() as session:
        service.rename(session, signed_in().id, text(form.name))
    flash(_("Your name is changed."), "success")
    return _back()


@blueprint.route("/profile/language", methods=["GET", "POST"])
@csrf.exempt
def change_language() -> Page:
    """Choose another language; the answer is in it already."""
    form, person = LanguageForm(), signed_in()
    if not form.validate_on_submit():
        return _profile(language_form=form if form.submitted() else None)
    with parts().database.writing() as session:
        service.choose_language(session, person.id, form.language.data)
    person.language = form.language.data
    refresh()
    flash(_("Your language is changed."), "success")
    return _back()


@blueprint.route("/profile/password", methods=["GET", "POST"])
@csrf.exempt
def change_password() -> Page:
    """Change the password; this browser stays signed in, with a new session."""
    person = signed_in()
    form = ChangePasswordForm().under(rules(), person.email, person.name)
    try:
        if not changed(form):
            return _profile(password_form=form)
    except SignInEnded as ended:
        return signed_out(ended)
    flash(_("Your password is changed, and all other browsers are signed out."), "success")
    return _back()


@blueprint.route("/profile/address", methods=["GET", "POST"])
@csrf.exempt
def change_address() -> Page:
    """Ask for another address; it has to be confirmed first."""
    form, person = AddressForm(), signed_in()
    form.present = person.email
    if not form.validate_on_submit():
        return _profile(address_form=form)
    email, password = text(form.email), text(form.current_password)
    try:
        address.ask(parts().database, parts().queue, person, email, password, sessions.sign_in(), limited())
    except WrongPassword as wrong:
        form.problem("current_password", str(wrong))
        return _profile(address_form=form)
    except SignInEnded as ended:
        return signed_out(ended)
    except TooManyRequests as error:
        form.form_errors.append(pages.when_again(error))
        return pages.too_many(error, _profile(address_form=form))
    _flash_mail(email)
    return _back()


@blueprint.post("/profile/address/again")
def send_again() -> Page:
    """Another mail to the address that waits."""
    with parts().database.writing() as session:
        change = address.send_again(session, parts().queue, signed_in().id, limited())
    _flash_mail(change.email)
    return _back()


@blueprint.route("/profile/address/code", methods=["GET", "POST"])
@csrf.exempt
def type_code() -> Page:
    """Type the code in place of opening the link in the mail to the new address."""
    form = AddressCodeForm()
    if not form.validate_on_submit():
        return _profile(code_form=form)
    person, purpose, typed = signed_in(), Purpose.CONFIRM_ADDRESS, text(form.code)
    try:
        with parts().database.writing() as session:
            opened = codes.redeem_own(session, parts().sealer, person, purpose, typed, sessions.client(), limited())
    except TooManyRequests as error:
        form.form_errors.append(pages.when_again(error))
        return pages.too_many(error, _profile(code_form=form))
    if opened is None:
        form.problem("code", refusal())
        return _profile(code_form=form)
    browser[opened.purpose] = opened.secret
    return redirect(url_for("profile.confirm_address"))


@blueprint.post("/profile/address/cancel")
def cancel_change() -> Page:
    """Keep the address of now."""
    with parts().database.writing() as session:
        address.cancel(session, signed_in().id)
    flash(_("Your address stays as it is."), "success")
    return _back()


@blueprint.post("/profile/sign-ins/<int:sign_in_id>/end")
def sign_out(sign_in_id: int) -> Page:
    """Sign one other browser out."""
    with parts().database.writing() as session:
        service.sign_out(session, signed_in().id, sign_in_id)
    flash(_("That browser is signed out."), "success")
    return _back()


@blueprint.post("/profile/sign-ins/end-others")
def sign_out_others() -> Page:
    """Sign all other browsers out."""
    with parts().database.writing() as session:
        here = service.sign_out_others(session, signed_in(), sessions.token(), sessions.device())
    sessions.renew(here.token)
    sessions.keep_device(here.known_as)
    flash(_("All other browsers are signed out."), "success")
    return _back()


@blueprint.get("/confirm-address/<secret>")
def open_confirmation(secret: str) -> Response:
    """Move the secret of the link out of the address; nothing is spent."""
    return opened(Purpose.CONFIRM_ADDRESS, secret, "profile.confirm_address")


@blueprint.route("/confirm-address", methods=["GET", "POST"])
@csrf.exempt
def confirm_address() -> Page:
    """Confirm a new address; also in a browser in which nobody is signed in."""
    secret, form = browser.get(Purpose.CONFIRM_ADDRESS, ""), ConfirmForm()
    try:
        if not form.validate_on_submit():
            offer = _offered(secret, Purpose.CONFIRM_ADDRESS)
            return render_template("profile/confirm_address.html", form=form, offer=offer)
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
    secret, form = browser.get(Purpose.RESTORE_ADDRESS, ""), ConfirmForm()
    try:
        if not form.validate_on_submit():
            offer = _offered(secret, Purpose.RESTORE_ADDRESS)
            return render_template("profile/restore_address.html", form=form, offer=offer)
        with parts().database.writing() as session:
            person, reset = address.restore(session, secret, sessions.token())
    except address.REFUSED as refused:
        return link_refused(Purpose.RESTORE_ADDRESS, refused)
    browser.clear()
    browser[Purpose.RESET] = reset
    flash(_("%(email)s is the address of your account again.", email=person.email), "success")
    return redirect(url_for("accounts.reset_password"))


def changed(form: ChangePasswordForm) -> bool:
    """Change the password as the form says, or have it say why not; this browser gets a new session.

    Raises SignInEnded, TooManyRequests.
    """
    if not form.validate_on_submit():
        return False
    sign_in = sessions.sign_in()
    try:
        left = service.change_password(
            parts().database,
            parts().queue,
            signed_in(),
            text(form.current_password),
            text(form.password),
            sign_in,
            sessions.here(),
            limited(),
        )
    except WrongPassword as wrong:
        return form.problem("current_password", str(wrong))
    except BadPassword as bad:
        return form.problem("password", str(bad))
    sessions.hold(left.token, sign_in)
    sessions.keep_device(left.known_as)
    return True


def _profile(
    name_form: NameForm | None = None,
    language_form: LanguageForm | None = None,
    address_form: AddressForm | None = None,
    password_form: ChangePasswordForm | None = None,
    code_form: AddressCodeForm | None = None,
) -> str:
    """The page, with the form that was sent; the others as they are at first."""
    person, token = signed_in(), sessions.token()
    with parts().database.reading() as session:
        own = service.own_sign_ins(session, person.id)
        waiting = address_changes.waiting(session, person.id)
    return render_template(
        "profile/profile.html",
        person=person,
        name_form=name_form or NameForm(formdata=None, name=person.name),
        language_form=language_form or LanguageForm(formdata=None, language=person.language or ""),
        address_form=address_form or AddressForm(formdata=None),
        password_form=password_form or ChangePasswordForm(formdata=None).under(rules(), person.email, person.name),
        code_form=code_form or AddressCodeForm(formdata=None),
        waiting=waiting,
        sign_ins=[(one, devices.in_words(one.device), sign_ins.is_of(one, token)) for one in own],
    )


def _offered(secret: str, purpose: Purpose) -> Offer:
    with parts().database.reading() as session:
        return address.offered(session, secret, purpose)


def signed_out(ended: SignInEnded) -> Response:
    """Go on to sign in again, and come back."""
    flash(str(ended), "warning")
    return redirect(url_for("accounts.login", next=url_for("profile.profile")))


def _back() -> Response:
    return redirect(url_for("profile.profile"))


def _flash_mail(email: str) -> None:
    flash(_("A mail to %(email)s is on its way. Open the link in it to confirm the address.", email=email), "success")
