"""The profile page, its forms, and the page that asks for a new password when the old one has expired."""

from flask import Blueprint, Flask, flash, g, redirect, render_template, request, url_for
from flask import session as browser
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import refresh
from werkzeug.wrappers import Response

from webapp.accounts.address_changes import service as address_changes
from webapp.accounts.fields import NameForm
from webapp.accounts.links import codes
from webapp.accounts.models import LinkPurpose
from webapp.accounts.passwords import policy
from webapp.accounts.passwords.policy import PasswordRejected
from webapp.accounts.profile import service
from webapp.accounts.profile.forms import AddressCodeForm, AddressForm, ChangePasswordForm, LanguageForm
from webapp.accounts.sessions import browser as sessions
from webapp.accounts.sessions.browser import signed_in
from webapp.accounts.sessions.reauthentication import SessionEnded, WrongPassword
from webapp.accounts.sessions.routes import login_again
from webapp.accounts.sessions.service import list_for_user
from webapp.core.app_state import app_state
from webapp.core.errors import TooManyRequests
from webapp.web import client, csrf, error_pages
from webapp.web.access import PUBLIC, requested_url, safe_next
from webapp.web.client import current_client
from webapp.web.forms import Form, text

CHANGE_EXPIRED = "profile.change_expired_password"
# What users can open although their password has expired.
EXEMPT_FROM_PASSWORD_CHANGE = PUBLIC | {CHANGE_EXPIRED, "sessions.logout"}

blueprint = Blueprint("profile", __name__)


def init_app(app: Flask) -> None:
    """Register the pages, and ask users with an expired password for a new one first."""
    app.register_blueprint(blueprint)
    app.before_request(_require_unexpired_password)


@blueprint.get("/profile")
def profile() -> ResponseReturnValue:
    """Show the account and its sessions."""
    return _page()


@blueprint.route("/profile/name", methods=["GET", "POST"])
@csrf.exempt
def change_name() -> ResponseReturnValue:
    """Change the name."""
    form = NameForm()
    if not form.validate_on_submit():
        return _page(form)
    with app_state().database.transaction() as session:
        service.rename(session, signed_in().id, text(form.name))
    flash(_("Your name has been changed."), "success")
    return _redirect_to_profile()


@blueprint.route("/profile/language", methods=["GET", "POST"])
@csrf.exempt
def change_language() -> ResponseReturnValue:
    """Change the language; the message about it is in the new one already."""
    form, user = LanguageForm(), signed_in()
    if not form.validate_on_submit():
        return _page(form)
    with app_state().database.transaction() as session:
        service.choose_language(session, user.id, form.language.data)
    user.language = form.language.data
    refresh()
    flash(_("Your language has been changed."), "success")
    return _redirect_to_profile()


@blueprint.route("/profile/address", methods=["GET", "POST"])
@csrf.exempt
def request_address_change() -> ResponseReturnValue:
    """Request another email address, which has to be confirmed."""
    form, user = AddressForm(), signed_in()
    form.current_email = user.email
    if not form.validate_on_submit():
        return _page(form)
    email, password = text(form.email), text(form.current_password)
    try:
        address_changes.request(app_state().database, user, email, password, sessions.current_session())
    except WrongPassword as error:
        form.add_error("current_password", str(error))
        return _page(form)
    except SessionEnded as error:
        return login_again(error, url_for("profile.profile"))
    except TooManyRequests as error:
        form.form_errors.append(error_pages.retry_text(error))
        return error_pages.too_many_requests(error, _page(form))
    _flash_confirmation(email)
    return _redirect_to_profile()


@blueprint.post("/profile/address/again")
def resend_confirmation() -> ResponseReturnValue:
    """Send another email to the pending address."""
    with app_state().database.transaction() as session:
        change = address_changes.resend(session, signed_in().id)
    _flash_confirmation(change.email)
    return _redirect_to_profile()


@blueprint.route("/profile/address/code", methods=["GET", "POST"])
@csrf.exempt
def enter_address_code() -> ResponseReturnValue:
    """Accept the code from the email to the pending address in place of its link."""
    form = AddressCodeForm()
    if not form.validate_on_submit():
        return _page(form)
    email, purposes, code = signed_in().email, (LinkPurpose.CONFIRM_ADDRESS,), text(form.code)
    try:
        with app_state().database.transaction() as session:
            redeemed = codes.redeem(session, app_state().sealer, email, purposes, code, current_client())
    except TooManyRequests as error:
        form.form_errors.append(error_pages.retry_text(error))
        return error_pages.too_many_requests(error, _page(form))
    if redeemed is None:
        form.add_error("code", str(codes.INVALID_CODE))
        return _page(form)
    browser[redeemed.purpose] = redeemed.secret
    return redirect(url_for("address_changes.confirm_address"))


@blueprint.post("/profile/address/cancel")
def cancel_address_change() -> ResponseReturnValue:
    """Keep the current address."""
    with app_state().database.transaction() as session:
        address_changes.cancel(session, signed_in().id)
    flash(_("Address change canceled."), "success")
    return _redirect_to_profile()


@blueprint.route("/profile/password", methods=["GET", "POST"])
@csrf.exempt
def change_password() -> ResponseReturnValue:
    """Change the password; only this browser stays signed in."""
    form = _password_form()
    try:
        if not _change_password(form):
            return _page(form)
    except SessionEnded as error:
        return login_again(error, url_for("profile.profile"))
    return _redirect_to_profile()


@blueprint.route("/new-password", methods=["GET", "POST"])
@csrf.exempt
def change_expired_password() -> ResponseReturnValue:
    """Replace an expired password, and go on to `next`."""
    target, form = safe_next(request.args.get("next")), _password_form()
    if not form.is_posted() and not _is_expired():
        return redirect(target)
    try:
        if not _change_password(form):
            # Another window may have changed it meanwhile.
            days = form.policy.security.password_max_age_days if _is_expired() else 0
            return render_template("profile/change_expired_password.html", form=form, days=days)
    except SessionEnded as error:
        return login_again(error, target)
    return redirect(target)


@blueprint.post("/profile/sign-ins/<int:session_id>/end")
def sign_out(session_id: int) -> ResponseReturnValue:
    """Sign out another browser."""
    with app_state().database.transaction() as session:
        service.sign_out(session, signed_in().id, session_id)
    flash(_("That browser has been signed out."), "success")
    return _redirect_to_profile()


@blueprint.post("/profile/sign-ins/end-others")
def sign_out_others() -> ResponseReturnValue:
    """Sign out all other browsers."""
    user_session, device_cookie = sessions.current_session(), current_client().device_cookie
    try:
        with app_state().database.transaction() as session:
            cookies = service.sign_out_others(session, signed_in(), user_session, device_cookie)
    except SessionEnded as error:
        return login_again(error, url_for("profile.profile"))
    sessions.set_cookies(cookies)
    flash(_("All other browsers have been signed out."), "success")
    return _redirect_to_profile()


def _page(posted: Form | None = None) -> str:
    """Render the profile with the form that was posted, if any, and its other forms as they are at first."""
    user, current = signed_in(), sessions.current_session()
    forms: dict[str, Form] = {
        "name_form": NameForm(formdata=None, name=user.name),
        "language_form": LanguageForm(formdata=None, language=user.language or ""),
        "address_form": AddressForm(formdata=None),
        "password_form": _password_form(formdata=None),
        "code_form": AddressCodeForm(formdata=None),
    }
    if posted is not None and posted.is_posted():
        forms |= {name: posted for name, form in forms.items() if type(form) is type(posted)}
    with app_state().database.read() as session:
        own = list_for_user(session, user.id)
        pending = address_changes.find_pending(session, user.id)
    return render_template(
        "profile/profile.html",
        user=user,
        pending=pending,
        sessions=[(one, client.describe(one.user_agent), one.id == current.id) for one in own],
        **forms,
    )


def _redirect_to_profile() -> Response:
    return redirect(url_for("profile.profile"))


def _flash_confirmation(email: str) -> None:
    """Say what to look for: whether an email was sent must not show, as it depends on what others requested."""
    what_to_do = _(
        "Look for an email to %(email)s and open the link in it to confirm the address. If none has arrived after ten "
        "minutes, resend it below.",
        email=email,
    )
    flash(what_to_do, "info")


def _password_form(**options: None) -> ChangePasswordForm:
    user = signed_in()
    return ChangePasswordForm(**options).for_user(policy.current(), user.email, user.name)


def _change_password(form: ChangePasswordForm) -> bool:
    """Change the password, or add to the form why not. Raises SessionEnded, TooManyRequests."""
    if not form.validate_on_submit():
        return False
    current, new, here = text(form.current_password), text(form.password), sessions.current_session()
    try:
        cookies = service.change_password(app_state().database, signed_in(), current, new, here, current_client())
    except WrongPassword as error:
        form.add_error("current_password", str(error))
        return False
    except PasswordRejected as error:
        form.add_error("password", str(error))
        return False
    sessions.set_cookies(cookies)
    flash(_("Your password has been changed, and all other browsers have been signed out."), "success")
    return True


def _require_unexpired_password() -> Response | None:
    if request.endpoint is None or request.endpoint in EXEMPT_FROM_PASSWORD_CHANGE or not _is_expired():
        return None
    return redirect(url_for(CHANGE_EXPIRED, next=requested_url()))


def _is_expired() -> bool:
    return bool(g.get("password_is_expired", False))
