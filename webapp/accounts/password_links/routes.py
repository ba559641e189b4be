"""The pages behind the links in mails: activate an account, choose a new password; and asking for such a mail."""

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask import session as browser
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp.accounts import throttles
from webapp.accounts.blueprint import Page
from webapp.accounts.links import browser as link_browser
from webapp.accounts.links import codes
from webapp.accounts.models import LinkPurpose, User
from webapp.accounts.password_links import service
from webapp.accounts.password_links.forms import CodeForm, ForgotPasswordForm
from webapp.accounts.passwords import hashing, policy
from webapp.accounts.passwords.forms import PasswordForm
from webapp.accounts.passwords.policy import PasswordRejected
from webapp.accounts.sessions import browser as sessions
from webapp.accounts.sessions import login
from webapp.accounts.sessions.routes import PREFILLED_EMAIL
from webapp.core import i18n
from webapp.core.app_state import app_state
from webapp.core.errors import TooManyRequests
from webapp.web import csrf, error_pages
from webapp.web.client import current_client
from webapp.web.forms import MAX_TEXT_LENGTH, text

# The address for which this browser asked for a mail.
ASKED_FOR = "asked_for"
OPENED = {LinkPurpose.ACTIVATION: "password_links.activate", LinkPurpose.RESET: "password_links.reset_password"}

blueprint = Blueprint("password_links", __name__)


@blueprint.get("/activate/<secret>")
def open_activation(secret: str) -> Response:
    """Move the secret of an activation link out of the address; nothing is spent."""
    return link_browser.store_and_redirect(LinkPurpose.ACTIVATION, secret, "password_links.activate")


@blueprint.route("/activate", methods=["GET", "POST"])
@csrf.exempt
def activate() -> Page:
    """Choose the first password; the account is active and signed in."""
    try:
        secret = link_browser.current_secret(LinkPurpose.ACTIVATION)
        form = _password_form(_owner(secret, LinkPurpose.ACTIVATION))
        if not form.validate_on_submit():
            return render_template("accounts/activate.html", form=form, link=link_browser.fingerprint_field(secret))
        password_hash = hashing.hash_password(text(form.password))
        # Asked before the transaction: whose language it is may have to be looked up, and that notes who is here.
        language = i18n.current().code
        with app_state().database.transaction() as session:
            person = service.activate(session, secret, password_hash, language)
            result = login.begin(session, person, current_client())
    except service.REFUSED as refused:
        return link_browser.refusal_page(LinkPurpose.ACTIVATION, refused)
    sessions.start(result)
    with i18n.use_language(person.language):
        flash(_("Your account is active, and you're signed in."), "success")
    return redirect(url_for("home.home"))


@blueprint.post("/activate/again")
def activate_again() -> Page:
    """Another activation mail, to the person whose link it was."""
    with app_state().database.transaction() as session:
        service.renew_activation(session, browser.get(LinkPurpose.ACTIVATION, ""))
    return render_template("accounts/activate_again.html")


@blueprint.route("/forgot-password", methods=["GET", "POST"])
@csrf.exempt
def forgot_password() -> Page:
    """Ask for a reset mail. The answer is the same for every address."""
    form = ForgotPasswordForm()
    if not form.validate_on_submit():
        return render_template("accounts/forgot_password.html", form=form)
    try:
        with app_state().database.transaction() as session:
            service.request_reset(session, text(form.email), current_client())
    except TooManyRequests as error:
        form.form_errors.append(error_pages.retry_text(error))
        return error_pages.too_many_requests(error, render_template("accounts/forgot_password.html", form=form))
    browser[ASKED_FOR] = text(form.email)
    return redirect(url_for("password_links.forgot_password_sent"))


@blueprint.get("/forgot-password/sent")
def forgot_password_sent() -> Page:
    """Where the code from the mail can be typed."""
    if ASKED_FOR not in browser:
        return redirect(url_for("password_links.forgot_password"))
    return render_template("accounts/forgot_password_sent.html", form=empty_code_form())


@blueprint.get("/reset-password/<secret>")
def open_reset(secret: str) -> Response:
    """Move the secret of a reset link out of the address; nothing is spent."""
    return link_browser.store_and_redirect(LinkPurpose.RESET, secret, "password_links.reset_password")


@blueprint.route("/reset-password", methods=["GET", "POST"])
@csrf.exempt
def reset_password() -> Page:
    """Choose a new password; every browser is signed out."""
    try:
        secret = link_browser.current_secret(LinkPurpose.RESET)
        owner = _owner(secret, LinkPurpose.RESET)
        form = _password_form(owner)
        if not (form.validate_on_submit() and _is_new(form, owner)):
            return render_template(
                "accounts/reset_password.html", form=form, link=link_browser.fingerprint_field(secret)
            )
        password_hash = hashing.hash_password(text(form.password))
        with app_state().database.transaction() as session:
            person = service.complete_reset(session, secret, password_hash)
            device_cookie = login.remember_browser(session, person, current_client())
    except service.REFUSED as refused:
        return link_browser.refusal_page(LinkPurpose.RESET, refused)
    browser.clear()
    sessions.forget()
    sessions.remember_device(device_cookie)
    browser[PREFILLED_EMAIL] = owner.email
    flash(
        _("Your password has been changed, and you've been signed out everywhere. Sign in with the new password."),
        "success",
    )
    return redirect(url_for("sessions.login"))


@blueprint.route("/code", methods=["GET", "POST"])
@csrf.exempt
def enter_code() -> Page:
    """Type a code and the address that it was mailed to; a right one does what opening its link does."""
    form = CodeForm() if CodeForm.submitted() else empty_code_form()
    if not form.validate_on_submit():
        return _code_page(form)
    email, typed = text(form.email), text(form.code)
    try:
        with app_state().database.transaction() as session:
            opened = codes.redeem_for_address(session, app_state().sealer, email, typed, current_client())
    except TooManyRequests as error:
        form.form_errors.append(error_pages.retry_text(error))
        return error_pages.too_many_requests(error, _code_page(form))
    if opened is None:
        form.problem("code", str(codes.REFUSED))
        return _code_page(form)
    browser[opened.purpose] = opened.secret
    return redirect(url_for(OPENED[opened.purpose]))


def empty_code_form() -> CodeForm:
    """The form, with the address filled in if this browser asked for a mail."""
    return CodeForm(formdata=None, email=browser.get(ASKED_FOR, ""))


@blueprint.post("/password-advice")
def password_advice() -> Response:
    """What would make this password better; none of it is kept or logged. Raises TooManyRequests."""
    with app_state().database.transaction() as session:
        throttles.count_password_advice(session, current_client().ip_address)
    found = policy.current().feedback(_sent("password"), _sent("email"), _sent("name"))
    return jsonify(text=found.text, good=found.good)


def _sent(field: str) -> str:
    return request.form.get(field, "")[:MAX_TEXT_LENGTH]


def _owner(secret: str, purpose: LinkPurpose) -> User:
    with app_state().database.read() as session:
        return service.find_user(session, secret, purpose)


def _password_form(owner: User) -> PasswordForm:
    return PasswordForm().for_user(policy.current(), owner.email, owner.name)


def _is_new(form: PasswordForm, owner: User) -> bool:
    """Whether the owner has not had this password before; if not, the form says so."""
    try:
        policy.require_not_reused(app_state().database, owner, text(form.password))
    except PasswordRejected as had:
        return form.problem("password", str(had))
    return True


def _code_page(form: CodeForm) -> str:
    return render_template("accounts/enter_code.html", form=form)
