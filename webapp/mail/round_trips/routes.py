"""Where the link of a test email leads, and the page that says whether it was followed."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from flask import session as browser
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from webapp.core import rate_limits
from webapp.core.app_state import app_state
from webapp.core.errors import NotFound
from webapp.core.rate_limits import Limit
from webapp.core.sealing import sha256_hex
from webapp.mail.round_trips import reach, service
from webapp.mail.round_trips.notices import Notice, Seen, notice
from webapp.settings.context import general_settings
from webapp.web import csrf, forwarded
from webapp.web.access import current_user
from webapp.web.client import current_client
from webapp.web.forms import ConfirmForm

blueprint = Blueprint("round_trips", __name__)
# In the session: the secret of the link that was opened last, and what was noticed then.
SECRET, NOTICES = "round_trip", "round_trip_notices"
# The field in which the form names the link of its page: another window may have opened another link since.
LINK_FIELD = "link"
MAX_SECRET_LENGTH = 100
# Of the names of parameters that were added to the link.
MAX_PARAMETERS = 10
# An administrator can make any URL the public one, so that asking shows what answers where.
LIMIT = Limit("public URL asked for", 20, timedelta(minutes=10))
_END = re.compile(r"[^A-Za-z0-9_-]")


@blueprint.get(f"{service.PATH}<secret>")
def open_link(secret: str) -> Response:
    """Move the secret of the link into the session; a scanner of links gets no further."""
    bare = _END.split(secret, maxsplit=1)[0][:MAX_SECRET_LENGTH]
    browser[SECRET] = bare
    browser[NOTICES] = [one.to_json() for one in notice(_seen(bare != secret), general_settings().public_url)]
    return redirect(url_for("round_trips.confirm"))


@blueprint.route(service.PATH.rstrip("/"), methods=["GET", "POST"])
@csrf.exempt
def confirm() -> ResponseReturnValue:
    """Ask whether the email has arrived; nobody needs to be signed in."""
    form, secret = ConfirmForm(), str(browser.get(SECRET, ""))
    link = sha256_hex(secret)[:16]
    if request.form.get(LINK_FIELD, link) == link and form.validate_on_submit():
        with app_state().database.transaction() as session:
            service.arrived(session, secret, map(Notice.from_json, browser.get(NOTICES, [])))
        return redirect(url_for("round_trips.confirm"), 303)
    with app_state().database.read() as session:
        trip = service.find(session, secret)
    page = render_template("round_trips/confirm.html", form=form, trip=trip, link=link)
    return page, 200 if trip else 404


@blueprint.get(f"{reach.PATH}<question>")
def answer(question: str) -> Response:
    """Answer this Mailroom's own question whether the public URL leads here, and nobody else's."""
    given = reach.answer(app_state().sealer, question, notice(_seen(), general_settings().public_url))
    if given is None:
        raise NotFound
    return jsonify(given)


@blueprint.route(f"{service.RESULTS}<int:trip_id>", methods=["GET", "POST"])
def show(trip_id: int) -> str:
    """Say whether a test email has arrived; with a POST, ask whether the public URL leads here."""
    with app_state().database.read() as session:
        trip = service.get(session, trip_id)
    asked: Sequence[Notice] = ()
    if request.method == "POST":
        with app_state().database.transaction() as session:
            rate_limits.consume(session, LIMIT, str(current_user.id))
        asked = reach.ask(app_state().sealer, general_settings().public_url)
    return render_template("round_trips/round_trip.html", trip=trip, asked=asked)


@blueprint.app_context_processor
def _names() -> dict[str, Any]:
    return {"notice_of": Notice.from_json}


def _seen(ending: bool = False) -> Seen:
    return Seen(
        scheme=request.scheme,
        host=request.host,
        peer=current_client().ip_address,
        untrusted=forwarded.has_untrusted_headers(),
        parameters=list(request.args)[:MAX_PARAMETERS],
        ending=ending,
        referrer=request.headers.get("Referer", ""),
    )
