"""The page on which the first administrator is created."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask import session as browser
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp.accounts import service
from webapp.accounts.blueprint import LONGEST_SECRET, Page, rules
from webapp.accounts.passwords import hashing
from webapp.accounts.sessions import browser as sessions
from webapp.accounts.sessions import login
from webapp.accounts.users import setup as first_run
from webapp.accounts.users.forms import SetupForm
from webapp.core import i18n
from webapp.core.app_state import app_state
from webapp.web import csrf
from webapp.web.client import current_client
from webapp.web.forms import text

SETUP_TOKEN = "setup_key"  # noqa: S105 -- the name of a key in the session

blueprint = Blueprint("setup", __name__)


@blueprint.route("/setup", methods=["GET", "POST"])
@csrf.exempt
def setup() -> Page:
    """The first administrator. The key goes from the address into the session."""
    if "key" in request.args:
        browser[SETUP_TOKEN] = request.args["key"][:LONGEST_SECRET]
        return redirect(url_for("setup.setup"))
    form = SetupForm(public_url=request.host_url.rstrip("/"))
    if app_state().config.public_url:
        del form.public_url
    form.rules = rules()
    try:
        with app_state().database.read() as session:
            first_run.check(session, browser.get(SETUP_TOKEN, ""))
        if form.validate_on_submit():
            return _set_up(form)
    except service.AddressTaken as taken:
        form.problem("email", str(taken))
    except first_run.SetupRefused as refused:
        done = isinstance(refused, first_run.AlreadySetUp)
        return render_template("accounts/setup_refused.html", refused=refused, done=done), 404
    return render_template("accounts/setup.html", form=form)


def _set_up(form: SetupForm) -> Response:
    config = app_state().config
    password_hash, language = hashing.hash_password(text(form.password)), i18n.current().code
    with app_state().database.transaction() as session:
        person = first_run.create_first_administrator(
            session,
            browser.get(SETUP_TOKEN, ""),
            text(form.email),
            text(form.name),
            password_hash,
            language,
        )
        if form.public_url and form.public_url.data:
            first_run.save_public_url(session, config, form.public_url.data)
        result = login.begin(session, person, current_client())
    sessions.start(result)
    flash(_("You're signed in as the first administrator. Next, set up the mail server."), "success")
    return redirect(url_for("home.home"))
