"""“Choose a new password”: the page that comes before any other while the password is older than it may be."""

from flask import Flask, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp.access import PUBLIC, safe_next, signed_in, wanted
from webapp.accounts.blueprint import Page, rules
from webapp.accounts.sign_ins.confirming import SignInEnded
from webapp.profile.forms import ChangePasswordForm
from webapp.profile.routes import blueprint, changed, signed_out
from webapp.security import csrf

PAGE = "profile.renew_password"
# What one can do without a new password.
ELSEWHERE = PUBLIC | {PAGE, "accounts.logout"}


def guard(app: Flask) -> None:
    """Lead whoever is signed in to that page, from every other and whatever is sent."""
    app.before_request(_new_password_first)


@blueprint.route("/new-password", methods=["GET", "POST"])
@csrf.exempt
def renew_password() -> Page:
    """Choose a new password in place of an old one, and go on to `next`."""
    person, target = signed_in(), safe_next(request.args.get("next"))
    form = ChangePasswordForm().under(rules(), person.email, person.name)
    if not form.submitted() and not _is_due():
        return redirect(target)
    try:
        if not changed(form):
            # It may have been replaced in another window meanwhile.
            days = form.rules.security.password_days if _is_due() else 0
            return render_template("profile/renew_password.html", form=form, days=days)
    except SignInEnded as ended:
        return signed_out(ended)
    flash(_("Your password is changed, and all other browsers are signed out."), "success")
    return redirect(target)


def _new_password_first() -> Response | None:
    if request.endpoint is None or request.endpoint in ELSEWHERE or not _is_due():
        return None
    return redirect(url_for(PAGE, next=wanted()))


def _is_due() -> bool:
    return bool(g.get("password_is_old", False))
