"""The pages of the demo's inbox, and its panels on other pages."""

import re

from flask import Blueprint, Response, make_response, render_template

from webapp.core.app_state import app_state
from webapp.demo import accounts, sample_application
from webapp.demo.inbox import Inbox
from webapp.web import security

# The inbox stands in for a mail client, so it can be read without signing in.
DEMO_PAGES = frozenset({"demo.inbox", "demo.email", "demo.email_html"})
# Links in an email can be clicked.
SANDBOX = "sandbox allow-top-navigation-by-user-activation"
HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
# Links open outside of the frame, as our own pages refuse to be framed.
LEAVE_FRAME = '<base target="_top">'

blueprint = Blueprint("demo", __name__, url_prefix="/demo", template_folder="templates")


@blueprint.get("/inbox")
def inbox() -> str:
    """List all received emails, newest first."""
    return render_template("demo/inbox.html", emails=_inbox().emails())


@blueprint.get("/inbox/<int:number>")
def email(number: int) -> Response:
    """Show one email."""
    inbox = _inbox()
    page = render_template("demo/email.html", email=inbox.get(number), attachments=inbox.attachments(number))
    return security.allow_own_frames(make_response(page))


@blueprint.get("/inbox/<int:number>/html")
def email_html(number: int) -> Response:
    """Serve the HTML of an email for the frame."""
    html = _inbox().get(number).html
    framed = HEAD.sub(lambda head: head[0] + LEAVE_FRAME, html, count=1)
    return security.email_preview_policy(make_response(framed), SANDBOX)


def accounts_panel() -> str:
    """List the demo's accounts below the sign-in form."""
    with app_state().database.read() as session:
        return render_template("demo/_accounts.html", accounts=accounts.usable(session))


def application_panel() -> str:
    """Show on Home how a program hands in email."""
    addresses = app_state().config.submission_addresses
    port = addresses[0].port if addresses else None
    return render_template("demo/_application.html", application=sample_application, port=port)


def inbox_panel() -> str:
    """Link to the inbox from Home."""
    return render_template("demo/_inbox.html")


def _inbox() -> Inbox:
    return Inbox.for_instance(app_state().config)
