"""Home: is mail flowing, and if not, since when and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from flask import Blueprint, current_app, render_template
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from webapp.accounts import service as accounts
from webapp.core import clock
from webapp.core.app_state import app_state
from webapp.home.standing import standing
from webapp.mail.expiry.service import Expiry
from webapp.outbox.meaning import diagnosis as meaning
from webapp.outbox.status import DeliveryStatus
from webapp.web import error_pages, stencils
from webapp.web.access import signed_in

blueprint = Blueprint("home", __name__)
PEOPLE = "mailroom people"


@dataclass(frozen=True)
class SetupStep:
    """One thing a new installation needs, and where it is done."""

    title: LazyString
    line: LazyString
    endpoint: str
    done: bool


@blueprint.get("/")
def home() -> str:
    """The first page after signing in."""
    reader, database = signed_in(), app_state().database
    if not reader.is_administrator:
        return stencils.page("home", lambda: render_template("home/home.html", flow=None), reader)
    state, warnings = standing(database, clock.now())
    facts = state, _has_people(), warnings
    draw = partial(_page, *facts)
    # What stopped the mail is explained at length, and other words may come with each try.
    return draw() if state.stopped else stencils.page("home", draw, reader, *facts)


def _has_people() -> bool:
    """Whether anybody was ever created, as far as this process knows: it asks until somebody was."""
    known = bool(current_app.extensions.get(PEOPLE)) or accounts.has_users(app_state().database)
    current_app.extensions[PEOPLE] = known
    return known


def _page(state: DeliveryStatus, has_people: bool, warnings: Sequence[Expiry]) -> str:
    diagnosis = None
    if state.stopped:
        with app_state().database.read() as session:
            diagnosis = meaning(session, state.stopped)
    return render_template(
        "home/home.html",
        flow=state,
        diagnosis=diagnosis,
        tasks=_tasks(state, has_people),
        mail_warnings=lambda: warnings,
    )


def _tasks(state: DeliveryStatus, has_people: bool) -> list[SetupStep]:
    """What a new installation needs, in the order in which one does it."""
    return [
        SetupStep(
            _("Set the public URL"),
            _("Every link in an email starts with it. Emails with a link are held until it's set."),
            "settings.general",
            bool(error_pages.general().public_url),
        ),
        SetupStep(
            _("Set up the mail server"),
            _("Choose a provider, enter its sign-in details and send a test email."),
            "mail.mail_server",
            state.server_saved,
        ),
        SetupStep(
            _("Create the first user"),
            _("They get an activation email and choose a password."),
            "users.create_user",
            has_people,
        ),
    ]
