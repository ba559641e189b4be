"""Passwords that are too old: a new one is chosen before anything else."""

from datetime import timedelta

from flask import Flask, redirect, render_template, request, url_for

from webapp import clock
from webapp.access import PUBLIC, safe_next, signed_in
from webapp.accounts import sessions
from webapp.accounts.confirming import SignInEnded
from webapp.accounts.models import User
from webapp.accounts.routes import Page
from webapp.context import parts
from webapp.profile.routes import blueprint, is_changed, new_password_form, signed_out
from webapp.security import csrf
from webapp.settings.security import password_days_at_a_glance

# What can be opened meanwhile, besides what needs no sign-in.
ALSO_OPEN = frozenset({"accounts.logout", "profile.renew_password"})


def guard(app: Flask) -> None:
    """Lead whoever has a password that is too old to the page for a new one, whatever they ask for."""
    app.before_request(_lead)


def is_due(person: User, days: int) -> bool:
    """Whether the person's password is older than so many days; with 0 it never is."""
    since = person.password_changed_at or person.activated_at or person.created_at
    return days > 0 and clock.now() - since >= timedelta(days=days)


@blueprint.route("/profile/password/due", methods=["GET", "POST"])
@csrf.exempt
def renew_password() -> Page:
    """Choose a new password, and go on to `next`."""
    target = safe_next(request.args.get("next"))
    days = password_days_at_a_glance(parts().database)
    if request.method == "GET" and not is_due(signed_in(), days):
        return redirect(target)
    form = new_password_form()
    try:
        if is_changed(form):
            return redirect(target)
    except SignInEnded as ended:
        return signed_out(ended)
    return render_template("profile/renew_password.html", form=form, days=days, target=target)


def _lead() -> Page | None:
    if request.endpoint is None or request.endpoint in PUBLIC | ALSO_OPEN or not sessions.is_signed_in():
        return None
    if not is_due(signed_in(), password_days_at_a_glance(parts().database)):
        return None
    wanted = request.full_path.rstrip("?") if request.method == "GET" and request.path != "/" else None
    return redirect(url_for("profile.renew_password", next=wanted))
