"""Home: is email being delivered, and if not, since when and why."""

from dataclasses import dataclass

from flask import Blueprint, render_template
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from webapp.accounts import service as accounts
from webapp.core.app_state import app_state
from webapp.outbox.meaning import diagnosis as meaning
from webapp.outbox.status import DeliveryStatus, delivery_status
from webapp.settings.context import general_settings
from webapp.web.access import current_user

blueprint = Blueprint("home", __name__)


@dataclass(frozen=True)
class SetupStep:
    """One thing a new installation needs, and the page where it is done."""

    title: LazyString
    note: LazyString
    endpoint: str
    done: bool


@blueprint.get("/")
def home() -> str:
    """Show the first page after signing in."""
    if not current_user.is_administrator:
        return render_template("home/member.html")
    with app_state().database.read() as session:
        status = delivery_status(session)
        diagnosis = meaning(session, status.stopped) if status.stopped else None
        steps = _setup_steps(status, has_users=accounts.has_users(session))
    return render_template("home/home.html", status=status, diagnosis=diagnosis, steps=steps)


def _setup_steps(status: DeliveryStatus, has_users: bool) -> list[SetupStep]:
    return [
        SetupStep(
            _("Set the public URL"),
            _("Every link in an email starts with it. Emails with a link are held until it's set."),
            "settings.general",
            bool(general_settings().public_url),
        ),
        SetupStep(
            _("Set up the mail server"),
            _("Choose a provider, enter its sign-in details and send a test email."),
            "mail.mail_server",
            status.server_saved,
        ),
        SetupStep(
            _("Create the first user"),
            _("They get an activation email and choose a password."),
            "users.create_user",
            has_users,
        ),
    ]
