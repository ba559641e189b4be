"""Showing an administrator a one-time link to hand over: asked once, shown once."""

import segno
from flask import flash, redirect, render_template, url_for
from flask import session as browser
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp.access import signed_in
from webapp.accounts import service
from webapp.accounts.blueprint import Page, blueprint, limited, public_url
from webapp.accounts.links import handover
from webapp.accounts.links import service as links
from webapp.accounts.links.handover import Handover
from webapp.accounts.links.password_links import AccountDisabled
from webapp.accounts.models import User
from webapp.accounts.sign_ins import sessions
from webapp.accounts.users import Refused
from webapp.context import parts
from webapp.errors import Failure
from webapp.forms import ConfirmForm
from webapp.security import csrf

# Where a link to hand over waits, sealed, for the page that shows it.
SHOWN_LINK = "shown_link"


@blueprint.route("/users/<int:user_id>/link", methods=["GET", "POST"])
@csrf.exempt
def show_link(user_id: int) -> Page:
    """Make a link for the person, after saying what it lets whoever has it do."""
    if not public_url():
        flash(_("A link can be shown once the public address is set."), "danger")
        return redirect(url_for("accounts.user", user_id=user_id))
    with parts().database.reading() as session:
        person = service.user(session, user_id)
    form = ConfirmForm()
    if not form.validate_on_submit():
        return _asked(form, person, handover.why_not(person, signed_in())), 200
    try:
        with parts().database.writing() as session:
            made = handover.make(session, parts().queue, parts().sealer, user_id, signed_in(), limited())
    except (Refused, AccountDisabled) as refused:
        return _asked(form, person, refused), 409
    return shown_once(made)


@blueprint.get("/users/<int:user_id>/link/shown")
def link_shown(user_id: int) -> Page:
    """The link, this once: whoever loads the page again or comes back to it is told so."""
    with parts().database.writing() as session:
        made = handover.show(session, parts().sealer, browser.get(SHOWN_LINK, ""), user_id, sessions.sign_in())
    if made is None:
        # What waits may be for another person, in another window.
        flash(_("A link is shown once only. You can have a new one made."), "info")
        return redirect(url_for("accounts.user", user_id=user_id))
    browser.pop(SHOWN_LINK)
    with parts().database.reading() as session:
        person = service.user(session, user_id)
    site = public_url()
    link = site + links.PATHS[made.purpose] + made.secret
    facts = {"person": person, "made": made, "link": link, "picture": _picture(link), "site": site}
    return render_template("accounts/link_shown.html", **facts)


def shown_once(made: Handover) -> Response:
    """Go on to the page that shows the link. It travels sealed, and is not made again when that page is reloaded."""
    browser[SHOWN_LINK] = handover.sealed(parts().sealer, made, sessions.sign_in())
    return redirect(url_for("accounts.link_shown", user_id=made.user_id))


def _asked(form: ConfirmForm, person: User, kept: Failure | None) -> str:
    return render_template("accounts/show_link.html", form=form, person=person, kept=kept)


def _picture(link: str) -> str:
    """The link as a QR code, as the address of an image; dark on white with its margin, whatever the page's colours."""
    return segno.make(link, error="m", micro=False).svg_data_uri(scale=4, border=4, dark="#000", light="#fff")
