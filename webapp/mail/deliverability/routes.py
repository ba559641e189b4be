"""The page that shows what the DNS says about email from a mail server's sender."""

from flask import Blueprint, abort, redirect, render_template, url_for
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from webapp.core.app_state import app_state
from webapp.mail import servers
from webapp.mail.deliverability import service
from webapp.mail.deliverability.findings import Sender
from webapp.mail.models import MailServer
from webapp.providers.registry import get_providers

blueprint = Blueprint("deliverability", __name__)
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
    """Check the sender of a mail server, of the one in use unless another is given, and show what was found."""
    with app_state().database.read() as session:
        server = servers.primary(session) if server_id is None else session.get(MailServer, server_id)
    if server is None and server_id is None:
        return redirect(url_for("mail.mail_server"))
    if server is None:
        abort(404)
    providers = get_providers()
    sender = Sender.of(server, providers)
    findings = service.check(sender, list(providers), app_state().config.name_server_addresses)
    return render_template("mail/deliverability.html", sender=sender, findings=findings, titles=TITLES)
