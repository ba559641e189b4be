"""What administrators see on every page while something the mail server needs ends soon, or has ended."""

import structlog
from flask import Flask

from webapp.core import clock
from webapp.core.app_state import app_state
from webapp.mail.expiry import service as expiries
from webapp.mail.expiry import words as expiry_words
from webapp.mail.expiry.service import Expiry

log = structlog.get_logger(__name__)


def init_app(app: Flask) -> None:
    """Let templates ask for the warnings, and for the words of one."""
    app.jinja_env.globals.update(mail_warnings=warnings, expiry_words=expiry_words)


def warnings() -> list[Expiry]:
    """What is to be warned of now; nothing while it cannot be read."""
    try:
        found = expiries.at_a_glance(app_state().database, clock.now())
    except Exception:
        # The page that tells of a failure has a banner too, and the database may be what failed.
        log.exception("warnings cannot be read")
        return []
    return [one for one in found if one.warns]
