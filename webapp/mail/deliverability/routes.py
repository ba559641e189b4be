"""The page that shows what the DNS says about email from a mail server's sender."""

from datetime import timedelta

from flask import Blueprint, redirect, render_template, url_for
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from webapp.core import rate_limits
from webapp.core.app_state import app_state
from webapp.core.rate_limits import Limit
from webapp.mail.deliverability import service
from webapp.mail.deliverability.sender import Sender
from webapp.mail.service import find
from webapp.providers.registry import get_providers
from webapp.web.access import current_user

blueprint = Blueprint("deliverability", __name__)
# Each asks name servers some fifty questions.
LIMIT = Limit("deliverability checks", 20, timedelta(minutes=10))
TITLES = {
    "sender": _("Sender"),
    "spf": _("SPF: who may send"),
    "dkim": _("DKIM: signatures"),
    "dmarc": _("DMARC: the policy"),
    "alignment": _("DMARC: what passes"),
    "mx": _("MX: replies and bounces"),
    "ptr": _("Reverse name (PTR)"),
}


@blueprint.get("/settings/mail/deliverability")
@blueprint.get("/settings/mail/<int:server_id>/deliverability")
def show(server_id: int | None = None) -> Response | str:
    """Check the sender of a mail server, of the first one unless another is given, and show what was found."""
    with app_state().database.read() as session:
        server = find(session, server_id)
    if server is None:
        return redirect(url_for("mail.mail_server"))
    with app_state().database.transaction() as session:
        rate_limits.consume(session, LIMIT, str(current_user.id))
    providers = get_providers()
    sender = Sender.of(server, providers)
    findings = service.check(sender, list(providers), app_state().config.name_server_addresses)
    return render_template("mail/deliverability.html", server=server, sender=sender, findings=findings, titles=TITLES)
