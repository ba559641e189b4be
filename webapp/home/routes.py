"""Home: what a new installation still needs, and the panels of other packages, such as whether email is delivered."""

from dataclasses import dataclass

from flask import Blueprint, render_template
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString
from sqlalchemy import select

from webapp.accounts import service as accounts
from webapp.core.app_state import app_state
from webapp.mail import servers
from webapp.settings.context import general_settings
from webapp.settings.forms import url_warning, works_only_here
from webapp.web.access import current_user

blueprint = Blueprint("home", __name__)
_DONE = select(servers.PRIMARY_SAVED_AT.scalar_subquery(), accounts.SECOND_USER.scalar_subquery())


@dataclass(frozen=True)
class SetupStep:
    """One thing a new installation needs, and the page where it is done."""

    title: LazyString
    note: LazyString | str
    endpoint: str
    done: bool


@blueprint.get("/")
def home() -> str:
    """Show the first page after signing in."""
    if not current_user.is_administrator:
        return render_template("home/member.html")
    with app_state().database.read_columns() as connection:
        has_server, has_users = (one is not None for one in connection.execute(_DONE).one())
    steps = _setup_steps(has_server, has_users)
    return render_template("home/home.html", steps=steps)


def _setup_steps(has_server: bool, has_users: bool) -> list[SetupStep]:
    public_url = general_settings().public_url
    # One that works only here will do in the demo.
    is_wrong = works_only_here(public_url) and app_state().config.demo != "on"
    return [
        SetupStep(
            _("Set the public URL"),
            f"{public_url}: {url_warning(public_url)}"
            if is_wrong
            else _("Links in emails start with it. Until it's set, emails with links wait in the outbox."),
            "settings.general",
            bool(public_url) and not is_wrong,
        ),
        SetupStep(
            _("Set up the mail server"),
            _("Choose a provider, enter its sign-in details and send a test email."),
            "mail.mail_server",
            has_server,
        ),
        SetupStep(
            _("Create the first user"),
            _("They'll get an email with a link to choose a password."),
            "users.create_user",
            has_users,
        ),
    ]
