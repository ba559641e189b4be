"""The pages of the inbox, and what the sign-in page shows in the demo."""

import re
from collections.abc import Callable

from flask import Blueprint, Response, make_response, render_template

from webapp.context import parts
from webapp.demo import accounts
from webapp.demo.accounts import DemoAccount
from webapp.demo.inbox import Inbox
from webapp.security import POLICY

# The inbox is the newcomer's mail client: one reads mail in it before one can sign in.
PUBLIC = frozenset({"demo.inbox", "demo.mail", "demo.mail_html"})
# A mail may style itself and be clicked on; it may not run, load or submit anything. The page
# that frames it is told so by the `sandbox` attribute, one that opens it by itself by this.
SANDBOX = "sandbox allow-top-navigation-by-user-activation"
MAIL_POLICY = f"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'self'; {SANDBOX}"
HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
# Links leave the frame, in which our own pages refuse to open.
LEAVE_FRAME = '<base target="_top">'

blueprint = Blueprint("demo", __name__, url_prefix="/demo", template_folder="templates")


@blueprint.get("/inbox")
def inbox() -> str:
    """All mails that were caught, newest first."""
    return render_template("demo/inbox.html", mails=Inbox.of(parts().config).mails())


@blueprint.get("/inbox/<int:number>")
def mail(number: int) -> Response:
    """One mail."""
    found = Inbox.of(parts().config).mail(number)
    response = make_response(render_template("demo/mail.html", mail=found))
    response.headers["Content-Security-Policy"] = f"{POLICY}; frame-src 'self'"
    return response


@blueprint.get("/inbox/<int:number>/html")
def mail_html(number: int) -> Response:
    """A mail's HTML as it is, for the frame."""
    html = Inbox.of(parts().config).mail(number).html
    response = make_response(HEAD.sub(lambda head: head[0] + LEAVE_FRAME, html, count=1))
    response.headers["Content-Security-Policy"] = MAIL_POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    # A sandboxed page with this header would not open by itself.
    response.headers["Cross-Origin-Opener-Policy"] = "unsafe-none"
    return response


@blueprint.app_context_processor
def names() -> dict[str, Callable[[], list[DemoAccount]]]:
    """For `demo/accounts.html`, which the sign-in page includes."""
    return {"demo_accounts": _present}


def _present() -> list[DemoAccount]:
    with parts().database.reading() as session:
        return accounts.present(session)
