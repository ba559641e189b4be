"""The pages on which people sign in, and the button that signs them out."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask import session as browser
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp.accounts.blueprint import Page
from webapp.accounts.sessions import browser as sessions
from webapp.accounts.sessions import login as signing_in
from webapp.accounts.sessions.browser import signed_in
from webapp.accounts.sessions.forms import LoginForm
from webapp.accounts.sessions.lockout import LockedOut
from webapp.accounts.sessions.reauthentication import SessionEnded, TooManyWrongPasswords
from webapp.core.app_state import app_state
from webapp.core.errors import TooManyRequests
from webapp.web import error_pages
from webapp.web.access import safe_next
from webapp.web.forms import text
from webapp.web.security import csrf

# The address that the sign-in page has filled in, once: whose password was just replaced.
PREFILLED_EMAIL = "sign_in_as"

blueprint = Blueprint("sessions", __name__)


@blueprint.route("/login", methods=["GET", "POST"])
@csrf.exempt
def login() -> Page:
    """Sign in, and go on to `next`."""
    target = safe_next(request.args.get("next"))
    if request.method != "POST":
        return (
            redirect(target)
            if sessions.is_signed_in()
            else _page(LoginForm(email=browser.pop(PREFILLED_EMAIL, "")), target)
        )
    form = LoginForm()
    if not form.validate_on_submit():
        # The page was opened before somebody signed in in another window: there is nothing left to do on it.
        return redirect(target) if form.is_stale and sessions.is_signed_in() else _page(form, target)
    email, password, remembered = text(form.email), text(form.password), form.remember.data
    try:
        begun = signing_in.sign_in(app_state().database, email, password, sessions.here(), remembered)
    except signing_in.LoginRefused:
        form.form_errors.append(_("Wrong email address or password."))
        return _page(form, target)
    except TooManyRequests as error:
        form.form_errors.append(error_pages.retry_text(error))
        if isinstance(error, LockedOut):
            form.form_errors.append(_("Forgot your password? Set a new one to get back in right away."))
        return error_pages.too_many_requests(error, _page(form, target))
    sessions.begin(begun)
    return redirect(target)


@blueprint.post("/logout")
def logout() -> Response:
    """Sign this browser out."""
    with app_state().database.transaction() as session:
        signing_in.sign_out(session, signed_in(), sessions.current_session().id)
    browser.clear()
    flash(_("You've been signed out."), "success")
    return redirect(url_for("sessions.login"))


def login_again(ended: SessionEnded, target: str | None = None) -> Response:
    """Tell why the sign-in is over, on the page on which the next one begins; from there one goes on to `target`."""
    if not isinstance(ended, TooManyWrongPasswords):
        # In another window it may go on: the cookie is left as it is, and that page leads on then.
        return redirect(url_for("sessions.login", next=target, ended="form"))
    sessions.forget()
    flash(str(ended), "warning")
    return redirect(url_for("sessions.login", next=target))


def _page(form: LoginForm, target: str) -> str:
    return render_template("accounts/login.html", form=form, target=target)
