"""“Confirm that it is you”: the page that asks for the password again, and where it comes in between."""

from datetime import timedelta

from flask import Flask, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.datastructures import ImmutableMultiDict

from webapp.accounts.blueprint import Page
from webapp.accounts.sessions import browser as sessions
from webapp.accounts.sessions import reauthentication
from webapp.accounts.sessions.browser import signed_in
from webapp.accounts.sessions.forms import ConfirmPasswordForm
from webapp.accounts.sessions.reauthentication import Fields, SessionEnded, TooMuchToHold, WrongPassword
from webapp.accounts.sessions.routes import blueprint, login_again
from webapp.core.app_state import app_state
from webapp.core.sealing import CannotUnseal
from webapp.web.access import MEMBER, PUBLIC, safe_next
from webapp.web.forms import text
from webapp.web.security import csrf

# The field in which a form that was sent too late travels, sealed.
SAVED_FORM = "held_form"
# Pages that do not ask. The answer of a provider was asked for behind this page, and signing in there takes its time.
EXEMPT = PUBLIC | MEMBER | {"mail.finish_grant"}
# Whoever looks after the mail all day is not asked there.
EXEMPT_BLUEPRINTS = frozenset({"outbox", "demo"})
# Files are no pages that one could come back to.
PAGE_OF = {"audit.download": "audit.entries"}


def init_app(app: Flask) -> None:
    """Ask again before every page of administrators; Home and the outbox are open."""
    app.before_request(_ask_again)


@blueprint.route("/confirm", methods=["GET", "POST"])
@csrf.exempt
def reauthenticate() -> Page:
    """Type the password again, and go on to `next`."""
    target = safe_next(request.args.get("next"))
    if not signed_in().is_administrator:
        # Nothing that others may do needs it.
        return redirect(target)
    form, here = ConfirmPasswordForm(), url_for("sessions.reauthenticate", next=target)
    if not form.submitted():
        return _page(form, 200, here) if reauthentication.is_due(sessions.current_session()) else redirect(target)
    try:
        return redirect(target) if _confirmed(form) else _page(form, 200, here)
    except SessionEnded as ended:
        return login_again(ended, target)


def _ask_again() -> Page | None:
    """Ask before a page is shown, or hold what was sent to it until the answer."""
    if request.endpoint is None or request.endpoint in EXEMPT or request.blueprint in EXEMPT_BLUEPRINTS:
        return None
    due = reauthentication.is_due(sessions.current_session())
    if request.method != "POST":
        return redirect(url_for("sessions.reauthenticate", next=_here())) if due else None
    if SAVED_FORM in request.form:
        return _go_on(due)
    return _hold(list(request.form.items(multi=True))) if due else None


def _here() -> str:
    """The address to come back to."""
    page = PAGE_OF.get(request.endpoint or "")
    path = url_for(page) if page else request.path
    query = request.query_string.decode(errors="replace")
    return f"{path}?{query}" if query else path


def _hold(fields: Fields) -> Page:
    """The page that asks, with what was sent sealed in it."""
    try:
        sealed = reauthentication.save_form(app_state().sealer, sessions.current_session(), request.path, fields)
    except TooMuchToHold:
        # What was typed still stands in the browser, a page back.
        here = url_for("sessions.reauthenticate", next=request.path)
        return _page(ConfirmPasswordForm(formdata=None), 413, here, lost=True)
    return _page(ConfirmPasswordForm(formdata=None), 403, request.full_path.rstrip("?"), sealed)


def _go_on(due: bool) -> Page | None:
    """With the password typed, or confirmed elsewhere meanwhile: let the view have what was sent first."""
    sealed = request.form[SAVED_FORM]
    try:
        fields = reauthentication.saved_form(app_state().sealer, sessions.current_session(), request.path, sealed)
    except CannotUnseal:
        abort(400, _("Your earlier entries can no longer be read. Go back and send them again."))
    if due:
        form = ConfirmPasswordForm()
        try:
            if not _confirmed(form):
                return _page(form, 200, request.full_path.rstrip("?"), sealed)
        except SessionEnded as ended:
            return login_again(ended)
        # Sent once more by the browser itself, which has the new token then: the view may take its time, and until
        # its answer the browser would be signed out in every window.
        return redirect(request.full_path.rstrip("?"), 307)
    request.form = ImmutableMultiDict(fields)
    return None


def _confirmed(form: ConfirmPasswordForm) -> bool:
    """Whether the right password was typed; if not, the form says so. Raises SignInEnded."""
    if not form.validate():
        return False
    typed = text(form.current_password)
    try:
        token = reauthentication.confirm(app_state().database, signed_in(), sessions.current_session(), typed)
    except WrongPassword as wrong:
        return form.problem("current_password", str(wrong))
    sessions.renew(token)
    return True


def _page(form: ConfirmPasswordForm, status: int, action: str, sealed: str = "", lost: bool = False) -> tuple[str, int]:
    minutes = reauthentication.CONFIRMED_FOR // timedelta(minutes=1)
    facts = {"form": form, "action": action, "held": sealed, "lost": lost, "minutes": minutes}
    return render_template("accounts/reauthenticate.html", **facts), status
