"""What administrators see on every page while something the mail server needs ends soon, or has ended."""

import structlog
from flask import Flask, render_template

from webapp.core import clock
from webapp.core.app_state import app_state
from webapp.mail.expiry import service as expiries
from webapp.mail.expiry import words as expiry_words
from webapp.mail.expiry.service import Expiry

log = structlog.get_logger(__name__)


def init_app(app: Flask) -> None:
    """Let templates word an expiry."""
    app.jinja_env.globals.update(expiry_words=expiry_words)


def expiry_alerts() -> str:
    """The alerts at the top of every administrator's page."""
    found = warnings()
    return render_template("mail/_expiry_alerts.html", alerts=found) if found else ""


def warnings() -> list[Expiry]:
    """What is to be warned of now; nothing while it cannot be read."""
    try:
        with app_state().database.read() as session:
            found = expiries.of_the_mail_server(session, clock.now())
    except Exception:
        # The page that tells of a failure has a banner too, and the database may be what failed.
        log.exception("warnings cannot be read")
        return []
    return [one for one in found if one.warns]
