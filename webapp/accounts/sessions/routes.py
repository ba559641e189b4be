"""The pages for signing in and out, and the page that asks for the password again."""

from datetime import timedelta

from flask import Blueprint, Flask, abort, flash, redirect, render_template, request, url_for
from flask import session as flask_session
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.wrappers import Response

from webapp.accounts.service import has_administrator
from webapp.accounts.sessions import browser, login, reauthentication
from webapp.accounts.sessions.browser import signed_in
from webapp.accounts.sessions.forms import ConfirmPasswordForm, LoginForm
from webapp.accounts.sessions.lockout import LockedOut
from webapp.accounts.sessions.reauthentication import SessionEnded, TooManyWrongPasswords, WrongPassword
from webapp.core.app_state import app_state
from webapp.core.errors import TooManyRequests
from webapp.core.sealing import CannotUnseal
from webapp.web import csrf, error_pages
from webapp.web.access import MEMBER, PUBLIC, safe_next
from webapp.web.client import current_client
from webapp.web.forms import text
from webapp.web.problems import is_api_request

# In Flask's session: the address of a user who has just reset the password, filled in once.
PREFILLED_EMAIL = "prefilled_email"
# The hidden field in which a form that was posted too late travels, sealed.
SAVED_FORM = "saved_form"
# Pages that do not ask for the password again. A provider's answer was requested behind this page, and signing in
# there takes its time.
# A file could not travel through the page that asks; uploading one changes nothing, and its preview asks.
EXEMPT_FROM_REAUTHENTICATION = PUBLIC | MEMBER | {"mail.finish_grant", "imports.upload"}
# Administrators who look after the mail all day are not asked there, nor on Home, which shows the charts as images.
EXEMPT_BLUEPRINTS = frozenset({"outbox", "monitoring", "demo"})
# Where to go instead of a file, which is no page to come back to.
PAGES_OF_FILES = {
    "audit.download": "audit.entries",
    "bulk_jobs.download": "bulk_jobs.show",
    "user_selection.download": "users.list_users",
}

blueprint = Blueprint("sessions", __name__)


def init_app(app: Flask) -> None:
    """Ask for the password again before the pages of administrators, except Home and the outbox."""
    app.before_request(_reauthenticate_if_due)


@blueprint.route("/login", methods=["GET", "POST"], endpoint="login")
@csrf.exempt
def login_page() -> ResponseReturnValue:
    """Sign in, and go on to `next`."""
    target = safe_next(request.args.get("next"))
    if request.method != "POST":
        if browser.is_signed_in():
            return redirect(target)
        return _login_page(LoginForm(email=flask_session.pop(PREFILLED_EMAIL, "")), target)
    form = LoginForm()
    if not form.validate_on_submit():
        # Somebody has signed in in another window since this page was opened: there is nothing left to do on it.
        return redirect(target) if form.is_stale and browser.is_signed_in() else _login_page(form, target)
    email, password, remembered = text(form.email), text(form.password), form.remember.data
    try:
        result = login.sign_in(app_state().database, email, password, current_client(), remembered)
    except login.LoginRefused:
        form.form_errors.append(_("Wrong email address or password."))
        return _login_page(form, target)
    except TooManyRequests as error:
        form.form_errors.append(error_pages.retry_text(error))
        if isinstance(error, LockedOut):
            form.form_errors.append(_("Forgot your password? Set a new one to get back in right away."))
        return error_pages.too_many_requests(error, _login_page(form, target))
    browser.start(result)
    return redirect(target)


@blueprint.post("/logout")
def logout() -> Response:
    """Sign this browser out."""
    with app_state().database.transaction() as session:
        login.sign_out(session, signed_in(), browser.current_session().id)
    flask_session.clear()
    browser.forget()
    flash(_("You've been signed out."), "success")
    return redirect(url_for("sessions.login"))


@blueprint.route("/confirm", methods=["GET", "POST"])
@csrf.exempt
def reauthenticate() -> ResponseReturnValue:
    """Enter the password again, and go on to `next`."""
    target = safe_next(request.args.get("next"))
    if not signed_in().is_administrator:
        # Nothing that members may do needs it.
        return redirect(target)
    form, here = ConfirmPasswordForm(), url_for("sessions.reauthenticate", next=target)
    if not form.is_posted():
        due = reauthentication.is_due(browser.current_session())
        return _password_page(form, 200, here) if due else redirect(target)
    try:
        return redirect(target) if _is_confirmed(form) else _password_page(form, 200, here)
    except SessionEnded as ended:
        return login_again(ended, target)


def login_again(ended: SessionEnded, target: str | None = None) -> Response:
    """Say why the session has ended, on the login page, which then leads on to `target`."""
    if not isinstance(ended, TooManyWrongPasswords):
        return redirect(url_for("sessions.login", next=target, ended="form"))
    browser.forget()
    flash(str(ended), "warning")
    return redirect(url_for("sessions.login", next=target))


def _login_page(form: LoginForm, target: str) -> str:
    with app_state().database.read_columns() as connection:
        is_set_up = has_administrator(connection)
    return render_template("accounts/login.html", form=form, target=target, is_set_up=is_set_up)


def _reauthenticate_if_due() -> ResponseReturnValue | None:
    """Ask for the password before a page is shown; a form that was posted is saved until it has been entered."""
    if (
        request.endpoint is None
        or request.endpoint in EXEMPT_FROM_REAUTHENTICATION
        or request.blueprint in EXEMPT_BLUEPRINTS
        or is_api_request()
    ):
        return None
    due = reauthentication.is_due(browser.current_session())
    if request.method != "POST":
        return redirect(url_for("sessions.reauthenticate", next=_page_to_return_to())) if due else None
    if SAVED_FORM in request.form:
        return _resume(due)
    return _save_and_ask() if due else None


def _page_to_return_to() -> str:
    page = PAGES_OF_FILES.get(request.endpoint or "")
    path = url_for(page, **(request.view_args or {})) if page else request.path
    query = request.query_string.decode(errors="replace")
    return f"{path}?{query}" if query else path


def _save_and_ask() -> ResponseReturnValue:
    """Return the page that asks for the password, with the posted fields sealed in it."""
    fields = list(request.form.items(multi=True))
    sealed = reauthentication.save_form(app_state().sealer, browser.current_session(), request.path, fields)
    return _password_page(ConfirmPasswordForm(formdata=None), 403, request.full_path.rstrip("?"), sealed)


def _resume(due: bool) -> ResponseReturnValue | None:
    """Let the view have the saved form once the password is right, or was entered in another window meanwhile."""
    sealed = request.form[SAVED_FORM]
    try:
        fields = reauthentication.saved_form(app_state().sealer, browser.current_session(), request.path, sealed)
    except CannotUnseal:
        abort(400, _("Your earlier entries can no longer be read. Go back and send them again."))
    if due:
        form = ConfirmPasswordForm()
        try:
            if not _is_confirmed(form):
                return _password_page(form, 200, request.full_path.rstrip("?"), sealed)
        except SessionEnded as ended:
            return login_again(ended)
    request.form = ImmutableMultiDict(fields)
    return None


def _is_confirmed(form: ConfirmPasswordForm) -> bool:
    """Return whether the right password was entered; if not, the form says so. Raises SessionEnded."""
    if not form.validate():
        return False
    try:
        reauthentication.check(
            app_state().database, signed_in(), browser.current_session(), text(form.current_password)
        )
    except WrongPassword as wrong:
        form.add_error("current_password", str(wrong))
        return False
    browser.rotate_token_after_request()
    return True


def _password_page(form: ConfirmPasswordForm, status: int, action: str, sealed: str = "") -> tuple[str, int]:
    minutes = reauthentication.VALID_FOR // timedelta(minutes=1)
    data = {"form": form, "action": action, "saved_form": sealed, "minutes": minutes}
    return render_template("accounts/reauthenticate.html", **data), status
