"""The pages of the demo's inbox, and the demo's panels on other pages."""

import re

from flask import Blueprint, Response, make_response, render_template

from webapp.core.app_state import app_state
from webapp.demo import accounts
from webapp.demo.inbox import Inbox
from webapp.web import security

# The inbox is the newcomer's mail client: one reads mail in it before one can sign in.
PUBLIC = frozenset({"demo.inbox", "demo.mail", "demo.mail_html"})
# A mail's links may be clicked on.
SANDBOX = "sandbox allow-top-navigation-by-user-activation"
HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
# Links leave the frame, in which our own pages refuse to open.
LEAVE_FRAME = '<base target="_top">'

blueprint = Blueprint("demo", __name__, url_prefix="/demo", template_folder="templates")


@blueprint.get("/inbox")
def inbox() -> str:
    """All mails that were caught, newest first."""
    return render_template("demo/inbox.html", mails=Inbox.of(app_state().config).mails())


@blueprint.get("/inbox/<int:number>")
def mail(number: int) -> Response:
    """One mail."""
    found = Inbox.of(app_state().config).mail(number)
    return security.allow_own_frames(make_response(render_template("demo/mail.html", mail=found)))


@blueprint.get("/inbox/<int:number>/html")
def mail_html(number: int) -> Response:
    """A mail's HTML as it is, for the frame."""
    html = Inbox.of(app_state().config).mail(number).html
    framed = HEAD.sub(lambda head: head[0] + LEAVE_FRAME, html, count=1)
    return security.email_preview_policy(make_response(framed), SANDBOX)


def accounts_panel() -> str:
    """The demo's accounts, below the form to sign in."""
    with app_state().database.read() as session:
        return render_template("demo/_accounts.html", accounts=accounts.present(session))


def inbox_panel() -> str:
    """The way from Home to the inbox."""
    return render_template("demo/_inbox.html")
