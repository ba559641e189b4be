"""`mailroom doctor`: can mail flow through a mail server, and if not, why, and what to do."""

from email.utils import parseaddr

import click
from flask.cli import with_appcontext

from webapp.cli.base import changed_database
from webapp.cli.mail import first_administrator, form_over, require_valid, run_check
from webapp.cli.mail_output import print_examination, print_findings, setting
from webapp.cli.mail_server_options import named, server_option
from webapp.cli.output import json_option, print_json
from webapp.core.app_state import app_state
from webapp.mail import servers
from webapp.mail.deliverability.findings import Finding
from webapp.mail.deliverability.sender import Sender
from webapp.mail.deliverability.service import check
from webapp.mail.doctor.report import to_data, to_text
from webapp.mail.models import MailServer
from webapp.providers.registry import get_providers


@click.command()
@server_option
@click.option("--send", "to", metavar="TO", help="Send a test email there. Otherwise nothing is sent.")
@click.option("--deliverability", "with_dns", is_flag=True, help="Also look up SPF, DKIM, DMARC, MX of the sender.")
@click.option("--share", is_flag=True, help="As a text to share: no secrets or tokens, no names before an @.")
@json_option
@click.pass_context
@with_appcontext
def doctor(
    context: click.Context, name: str | None, to: str | None, with_dns: bool, share: bool, as_json: bool
) -> None:
    """Check a mail server stage by stage and, if one fails, say why and what to do.

    Without --send, the server is asked whether it takes email to the first administrator, and the check stops there. It
    takes 20 seconds at most, and --deliverability 8 more. The exit code is 0 if mail can flow, 1 if it can't.
    """
    with changed_database() as database:
        with database.read() as session:
            primary, server = servers.primary(session), named(session, name)
            recipient = to or first_administrator(session) or parseaddr(server.mail_from)[1]
        sends = to is not None
        result = form_over({"test_recipient": recipient}, primary, server).as_posted(for_test=True, sends=sends)
        examination = run_check(require_valid(result, recipient="--send"), server, recipient, sends)
    findings = _look_up(server) if with_dns else []
    if as_json:
        more = {"deliverability": [finding.to_data() for finding in findings]} if with_dns else {}
        print_json(to_data(examination) | more)
    elif share:
        click.echo(to_text(examination))
    else:
        print_examination(examination, setting(name))
        print_findings(findings)
    context.exit(0 if examination.ok else 1)


def _look_up(server: MailServer) -> list[Finding]:
    """Return what the DNS says about the sender of a mail server."""
    providers = get_providers()
    return check(Sender.of(server, providers), list(providers), app_state().config.name_server_addresses)
