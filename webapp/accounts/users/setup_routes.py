"""The page on which the first administrator is created."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask import session as browser
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp.accounts import service
from webapp.accounts.passwords import hashing, policy
from webapp.accounts.sessions import browser as sessions
from webapp.accounts.sessions import login
from webapp.accounts.users import setup
from webapp.accounts.users.forms import SetupForm
from webapp.core import i18n
from webapp.core.app_state import app_state
from webapp.settings.forms import warning_below
from webapp.web import csrf
from webapp.web.client import current_client
from webapp.web.forms import text

# The key of the session cookie that holds the token.
SETUP_TOKEN = "setup_token"  # noqa: S105 -- a name
# Longer than any token, and short enough for a cookie.
MAX_SETUP_TOKEN_LENGTH = 100

blueprint = Blueprint("setup", __name__)


@blueprint.route("/setup", methods=["GET", "POST"])
@csrf.exempt
def set_up() -> ResponseReturnValue:
    """Create the first administrator; the token moves from the URL into the session cookie."""
    if "key" in request.args:
        browser[SETUP_TOKEN] = request.args["key"][:MAX_SETUP_TOKEN_LENGTH]
        return redirect(url_for("setup.set_up"))
    form = SetupForm(public_url=request.host_url.rstrip("/"))
    if app_state().config.public_url:
        del form.public_url
    form.policy = policy.current()
    try:
        with app_state().database.read() as session:
            setup.check(session, browser.get(SETUP_TOKEN, ""))
        if form.validate_on_submit():
            return _create(form)
    except service.AddressTaken as error:
        form.add_error("email", str(error))
    except setup.SetupRefused as error:
        done = isinstance(error, setup.AlreadySetUp)
        return render_template("accounts/setup_refused.html", refused=error, done=done), 404
    warning = warning_below(form.public_url) if form.public_url else ""
    return render_template("accounts/setup.html", form=form, warning=warning)


def _create(form: SetupForm) -> Response:
    """Create and sign in the administrator of a valid form. Raises SetupRefused, AddressTaken."""
    token, email, name = browser.get(SETUP_TOKEN, ""), text(form.email), text(form.name)
    password_hash, language = hashing.hash_password(text(form.password)), i18n.current().code
    with app_state().database.transaction() as session:
        user = setup.create_first_administrator(session, token, email, name, password_hash, language)
        if form.public_url and form.public_url.data:
            setup.save_public_url(session, app_state().config, form.public_url.data)
        result = login.begin(session, user, current_client())
    sessions.start(result)
    flash(_("You're signed in as the first administrator. Next, set up the mail server."), "success")
    return redirect(url_for("home.home"))
