"""Another password: in the profile, or on the page that comes before any other while it is older than it may be."""

from flask import Flask, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp.accounts.blueprint import Page, rules
from webapp.accounts.passwords.policy import PasswordRejected
from webapp.accounts.profile import service
from webapp.accounts.profile.forms import ChangePasswordForm
from webapp.accounts.profile.routes import blueprint, page, redirect_to_profile
from webapp.accounts.sessions import browser as sessions
from webapp.accounts.sessions.reauthentication import SessionEnded, WrongPassword
from webapp.accounts.sessions.routes import login_again
from webapp.core.app_state import app_state
from webapp.web.access import PUBLIC, requested_url, safe_next, signed_in
from webapp.web.forms import text
from webapp.web.security import csrf

RENEW = "profile.change_expired_password"
# What one can do without a new password.
EXEMPT = PUBLIC | {RENEW, "sessions.logout"}


def init_app(app: Flask) -> None:
    """Lead whoever has too old a password to that page, from every other and whatever is sent."""
    app.before_request(_new_password_first)


@blueprint.route("/profile/password", methods=["GET", "POST"])
@csrf.exempt
def change_password() -> Page:
    """Change the password; this browser stays signed in, with a new session."""
    person = signed_in()
    form = ChangePasswordForm().under(rules(), person.email, person.name)
    try:
        if not _changed(form):
            return page(password_form=form)
    except SessionEnded as ended:
        return login_again(ended, url_for("profile.profile"))
    flash(_("Your password has been changed, and all other browsers have been signed out."), "success")
    return redirect_to_profile()


@blueprint.route("/new-password", methods=["GET", "POST"])
@csrf.exempt
def change_expired_password() -> Page:
    """Choose a new password in place of an old one, and go on to `next`."""
    person, target = signed_in(), safe_next(request.args.get("next"))
    form = ChangePasswordForm().under(rules(), person.email, person.name)
    if not form.submitted() and not _is_due():
        return redirect(target)
    try:
        if not _changed(form):
            # It may have been replaced in another window meanwhile.
            days = form.rules.security.password_days if _is_due() else 0
            return render_template("profile/change_expired_password.html", form=form, days=days)
    except SessionEnded as ended:
        return login_again(ended, target)
    flash(_("Your password has been changed, and all other browsers have been signed out."), "success")
    return redirect(target)


def _changed(form: ChangePasswordForm) -> bool:
    """Change the password as the form says, or have it say why not; this browser gets a new session.

    Raises SignInEnded, TooManyRequests.
    """
    if not form.validate_on_submit():
        return False
    sign_in = sessions.current_session()
    try:
        left = service.change_password(
            app_state().database,
            signed_in(),
            text(form.current_password),
            text(form.password),
            sign_in,
            sessions.here(),
        )
    except WrongPassword as wrong:
        return form.problem("current_password", str(wrong))
    except PasswordRejected as bad:
        return form.problem("password", str(bad))
    sessions.start(left.token, sign_in)
    sessions.stay_known(left.known_as)
    return True


def _new_password_first() -> Response | None:
    if request.endpoint is None or request.endpoint in EXEMPT or not _is_due():
        return None
    return redirect(url_for(RENEW, next=requested_url()))


def _is_due() -> bool:
    return bool(g.get("password_is_old", False))
