"""The pages where a link or a code leads to a new password: to activate, reset, or undo a change of the address."""

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask import session as browser
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp.accounts import throttles
from webapp.accounts.address_changes import service as address_changes
from webapp.accounts.links import browser as link_browser
from webapp.accounts.links import codes
from webapp.accounts.links.errors import LinkRefused
from webapp.accounts.models import LinkPurpose, User
from webapp.accounts.password_links import service
from webapp.accounts.password_links.forms import CodeForm, ForgotPasswordForm
from webapp.accounts.passwords import hashing, policy
from webapp.accounts.passwords.forms import PasswordForm
from webapp.accounts.passwords.policy import PasswordRejected
from webapp.accounts.return_to import WayBack
from webapp.accounts.sessions import browser as sessions
from webapp.accounts.sessions import login
from webapp.accounts.sessions.routes import PREFILLED_EMAIL
from webapp.core import i18n
from webapp.core.app_state import app_state
from webapp.core.errors import TooManyRequests
from webapp.web import csrf, error_pages, language
from webapp.web.client import current_client
from webapp.web.forms import MAX_TEXT_LENGTH, text

# In Flask's session: the address for which a reset email was requested.
REQUESTED_FOR = "requested_for"
# The button with which somebody else, who is signed in, gives this browser to the user of the link.
SWITCH = "switch"
# In Flask's session: the application that the person who has just chosen a password is led back to, as a `WayBack`.
WAY_BACK = "way_back"
PAGES = {LinkPurpose.ACTIVATION: "password_links.activate", LinkPurpose.RESET: "password_links.reset_password"}

blueprint = Blueprint("password_links", __name__)


@blueprint.get("/activate/<secret>")
def open_activation(secret: str) -> Response:
    """Move the secret of an activation link into the session; nothing is changed."""
    return link_browser.store_and_redirect(LinkPurpose.ACTIVATION, secret, "password_links.activate")


@blueprint.route("/activate", methods=["GET", "POST"])
@csrf.exempt
def activate() -> ResponseReturnValue:
    """Choose the first password; this activates the account and signs in, unless somebody else stays signed in."""
    try:
        secret = link_browser.current_secret(LinkPurpose.ACTIVATION)
        user = _find_user(secret, LinkPurpose.ACTIVATION)
        form = _password_form(user)
        if not form.validate_on_submit():
            return _password_page("accounts/activate.html", form, user, secret)
        password_hash = hashing.hash_password(text(form.password))
        # Before the transaction: these may load the signed-in user, in a transaction of their own.
        chosen, stays = i18n.current().code, _somebody_stays(user)
        with app_state().database.transaction() as session:
            user = service.activate(session, secret, password_hash, "" if stays else chosen)
            result = None if stays else login.begin(session, user, current_client())
            way_back = service.find_way_back(session, secret, LinkPurpose.ACTIVATION)
    except LinkRefused as error:
        return _refusal_page(LinkPurpose.ACTIVATION, error)
    if result is None:
        return _used_for_somebody_else("activated", user, way_back)
    sessions.start(result)
    with i18n.use_language(user.language):
        flash(_("Your account is active, and you're signed in."), "success")
    return redirect(_next_page(way_back, "home.home"))


@blueprint.post("/activate/again")
def activate_again() -> ResponseReturnValue:
    """Send another activation email to the user of an expired link."""
    secret = link_browser.current_secret(LinkPurpose.ACTIVATION)
    with app_state().database.transaction() as session:
        service.renew_activation(session, secret)
    return render_template("accounts/activate_again.html")


@blueprint.route("/forgot-password", methods=["GET", "POST"])
@csrf.exempt
def forgot_password() -> ResponseReturnValue:
    """Request a reset email. The response is the same for every address."""
    form = ForgotPasswordForm()
    if not form.validate_on_submit():
        return render_template("accounts/forgot_password.html", form=form)
    try:
        with app_state().database.transaction() as session:
            last_link = browser.get(LinkPurpose.RESET, "")
            service.request_reset(session, text(form.email), current_client(), last_link)
    except TooManyRequests as error:
        form.form_errors.append(error_pages.retry_text(error))
        return error_pages.too_many_requests(error, render_template("accounts/forgot_password.html", form=form))
    browser[REQUESTED_FOR] = text(form.email)
    return redirect(url_for("password_links.forgot_password_sent"))


@blueprint.get("/forgot-password/sent")
def forgot_password_sent() -> ResponseReturnValue:
    """Enter the code from the email."""
    if REQUESTED_FOR not in browser:
        return redirect(url_for("password_links.forgot_password"))
    return render_template("accounts/forgot_password_sent.html", form=_empty_code_form())


@blueprint.get("/reset-password/<secret>")
def open_reset(secret: str) -> Response:
    """Move the secret of a reset link into the session; nothing is changed."""
    return link_browser.store_and_redirect(LinkPurpose.RESET, secret, "password_links.reset_password")


@blueprint.route("/reset-password", methods=["GET", "POST"])
@csrf.exempt
def reset_password() -> ResponseReturnValue:
    """Choose a new password; this signs out every browser of the user's."""
    try:
        secret = link_browser.current_secret(LinkPurpose.RESET)
        user = _find_user(secret, LinkPurpose.RESET)
        form = _password_form(user)
        if not (form.validate_on_submit() and _is_new(form, user)):
            return _password_page("accounts/reset_password.html", form, user, secret)
        password_hash, stays = hashing.hash_password(text(form.password)), _somebody_stays(user)
        with app_state().database.transaction() as session:
            service.complete_reset(session, secret, password_hash)
            device_cookie = "" if stays else login.remember_browser(session, user, current_client())
            way_back = service.find_way_back(session, secret, LinkPurpose.RESET)
    except LinkRefused as error:
        return _refusal_page(LinkPurpose.RESET, error)
    return _after_reset(user, stays, device_cookie, way_back)


@blueprint.get("/continue")
def lead_back() -> ResponseReturnValue:
    """Show the next step after choosing a password: back to the application that asked for the link."""
    if WAY_BACK not in browser:
        return redirect(url_for("home.home"))
    return render_template("accounts/lead_back.html", way_back=WayBack(*browser[WAY_BACK]))


@blueprint.get("/restore-address/<secret>")
def open_restoration(secret: str) -> Response:
    """Move the secret of the link into the session; nothing is changed."""
    return link_browser.store_and_redirect(LinkPurpose.RESTORE_ADDRESS, secret, "password_links.restore_address")


@blueprint.route("/restore-address", methods=["GET", "POST"])
@csrf.exempt
def restore_address() -> ResponseReturnValue:
    """Undo a change of the address and choose a new password, in one step.

    Some mail scanners press the only button of a page; they don't type.
    """
    try:
        secret = link_browser.current_secret(LinkPurpose.RESTORE_ADDRESS)
        with app_state().database.read() as session:
            effect = address_changes.link_effect(session, secret, LinkPurpose.RESTORE_ADDRESS)
            user = session.get_one(User, effect.user_id)
        form = PasswordForm().for_user(policy.current(), effect.new, user.name)
        if not (form.validate_on_submit() and _is_new(form, user)):
            return _password_page("accounts/restore_address.html", form, user, secret, effect=effect)
        password_hash, stays = hashing.hash_password(text(form.password)), _somebody_stays(user)
        with app_state().database.transaction() as session:
            user, reset_secret = address_changes.restore(session, secret)
            service.complete_reset(session, reset_secret, password_hash)
            device_cookie = "" if stays else login.remember_browser(session, user, current_client())
    except address_changes.REFUSALS as error:
        return link_browser.refusal_page(LinkPurpose.RESTORE_ADDRESS, error)
    restored = _("Your account's address is %(email)s again.", email=user.email)
    return _after_reset(user, stays, device_cookie, None, restored)


def _after_reset(
    user: User, stays: bool, device_cookie: str, way_back: WayBack | None, *also_done: str
) -> ResponseReturnValue:
    """Lead to the sign-in page or back to an application, unless somebody else stays signed in."""
    if not stays:
        browser.clear()
    for done in also_done:
        flash(done, "success")
    if stays:
        return _used_for_somebody_else("reset", user, way_back)
    sessions.forget()
    sessions.remember_device(device_cookie)
    browser[PREFILLED_EMAIL] = user.email
    # The login page doesn't know whose link was opened.
    language.prefer("")
    flash(
        _("Your password has been changed, and you've been signed out everywhere. Sign in with the new password."),
        "success",
    )
    return redirect(_next_page(way_back, "sessions.login"))


def _next_page(way_back: WayBack | None, usual: str) -> str:
    """Return the URL of the page that leads back to an application, or else of the usual one."""
    if way_back is None:
        return url_for(usual)
    browser[WAY_BACK] = way_back
    return url_for("password_links.lead_back")


def _used_for_somebody_else(done: str, user: User, way_back: WayBack | None) -> str:
    return render_template("accounts/link_used_for.html", done=done, address=user.email, way_back=way_back)


def _refusal_page(purpose: LinkPurpose, error: LinkRefused) -> tuple[str, int]:
    """Say why a link was refused; who used it already is led back to the application as then."""
    with app_state().database.read() as session:
        way_back = service.find_way_back(session, browser.get(purpose, ""), purpose)
    return link_browser.refusal_page(purpose, error, way_back)


@blueprint.route("/code", methods=["GET", "POST"])
@csrf.exempt
def enter_code() -> ResponseReturnValue:
    """Enter a code and the address it was sent to; this does the same as opening the link."""
    form = CodeForm() if CodeForm.is_posted() else _empty_code_form()
    if not form.validate_on_submit():
        return _code_page(form)
    email, code = text(form.email), text(form.code)
    try:
        with app_state().database.transaction() as session:
            redeemed = codes.redeem(session, app_state().sealer, email, codes.WITH_ADDRESS, code, current_client())
    except TooManyRequests as error:
        form.form_errors.append(error_pages.retry_text(error))
        return error_pages.too_many_requests(error, _code_page(form))
    if redeemed is None:
        form.add_error("code", str(codes.INVALID_CODE))
        return _code_page(form)
    browser[redeemed.purpose] = redeemed.secret
    return redirect(url_for(PAGES[redeemed.purpose]))


def _empty_code_form() -> CodeForm:
    """Return the form, with the address filled in if this browser requested a reset email."""
    return CodeForm(formdata=None, email=browser.get(REQUESTED_FOR, ""))


@blueprint.post("/password-advice")
def password_advice() -> Response:
    """Say what would make this password better; it is neither stored nor logged. Raises TooManyRequests."""
    with app_state().database.transaction() as session:
        throttles.count_for_network(session, throttles.PASSWORD_ADVICE_BY_NETWORK, current_client().ip_address)
    found = policy.current().feedback(_posted("password"), _posted("email"), _posted("name"))
    return jsonify(text=found.text, good=found.good)


def _posted(field: str) -> str:
    return request.form.get(field, "")[:MAX_TEXT_LENGTH]


def _find_user(secret: str, purpose: LinkPurpose) -> User:
    with app_state().database.read() as session:
        return service.find_user(session, secret, purpose)


def _password_form(user: User) -> PasswordForm:
    return PasswordForm().for_user(policy.current(), user.email, user.name)


def _somebody_stays(user: User) -> bool:
    """Return whether somebody else is signed in, and has not chosen to give this browser to the link's user."""
    return sessions.other_user(user.id) is not None and SWITCH not in request.form


def _password_page(template: str, form: PasswordForm, user: User, secret: str, **more: object) -> str:
    link, other = link_browser.fingerprint_field(secret), sessions.other_user(user.id)
    return render_template(template, form=form, link=link, other=other, **more)


def _is_new(form: PasswordForm, user: User) -> bool:
    """Return whether the policy lets the user have this password again; if not, the form says so."""
    try:
        policy.require_not_reused(app_state().database, user, text(form.password))
    except PasswordRejected as had:
        form.add_error("password", str(had))
        return False
    return True


def _code_page(form: CodeForm) -> str:
    return render_template("accounts/enter_code.html", form=form)
