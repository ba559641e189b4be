"""What `mailroom mail` prints: a mail server, the result of a test."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from shlex import quote
from typing import Any

import click

from webapp.cli.options import option
from webapp.cli.output import clean, moment, one_line, print_fields, print_table
from webapp.cli.status import HEADLINES
from webapp.core import certificates
from webapp.mail.deliverability.findings import Finding
from webapp.mail.diagnosis.service import to_data
from webapp.mail.doctor.examination import Examination, in_a_line
from webapp.mail.doctor.report import outcome, route_error
from webapp.mail.expiry.service import Expiry
from webapp.mail.models import Grant, MailServer
from webapp.mail.round_trips.service import RESULTS
from webapp.mail.servers import COLUMNS, TRUST
from webapp.mail.transcript import stage_label
from webapp.mail.trust.service import OfferKind, Presented
from webapp.outbox.status import Flow
from webapp.settings.context import general_settings

# What the meaning of a failure is called if it isn't sure.
HEDGES = {"medium": "Probably", "low": "Perhaps"}
# What can be done about a certificate that isn't accepted.
OFFERS = {
    OfferKind.HOST: "The certificate is for another host, which works:",
    OfferKind.MACHINE: "This machine trusts the new certificate, so it needn't be pinned:",
    OfferKind.AUTHORITY: "If the administrator confirms its fingerprint, trust the authority, for this server only:",
    OfferKind.CERTIFICATE: "If the administrator confirms its fingerprint, trust only the server's own certificate:",
}


def server_to_dict(server: MailServer) -> dict[str, Any]:
    """Return a saved mail server as JSON has it. Of secrets, it says when they were saved."""
    saved_at = {name: datetime.fromisoformat(secret["saved_at"]) for name, secret in server.sealed_secrets.items()}
    return {
        "name": server.name,
        "position": server.position,
        "for_domains": server.for_domains,
        "for_applications": server.for_applications,
        **{name: getattr(server, name) for name in COLUMNS},
        "fields": dict(server.provider_fields),
        "secrets": {name: {"saved_at": at} for name, at in saved_at.items()},
        "updated_at": server.updated_at,
        "updated_by": server.updated_by,
    }


def grant_to_dict(grant: Grant) -> dict[str, Any]:
    """Return an OAuth2 grant as JSON has it."""
    return {
        "status": grant.status,
        "account": grant.account,
        "scopes": grant.scopes.split(),
        "granted_at": grant.granted_at,
        "last_refresh_at": grant.last_refresh_at,
        "expires_at": grant.refresh_deadline,
    }


def expiry_to_dict(expiry: Expiry) -> dict[str, Any]:
    """Return when something expires as JSON has it."""
    return {"subject": expiry.subject, "state": expiry.state, "expires_at": expiry.expires_at}


def print_server(data: Mapping[str, Any]) -> None:
    """Print what `mailroom mail show` found."""
    click.echo(HEADLINES[Flow(data["state"]["state"])])
    if data["state"]["reason"]:
        click.echo(clean(data["state"]["reason"]))
    click.echo()
    settings = [(name, _fingerprints(data[name]) if name in TRUST else data[name]) for name in COLUMNS]
    own = list(data["fields"].items())
    saved = [(name, f"saved {secret['saved_at']:%Y-%m-%d}") for name, secret in data["secrets"].items()]
    grant = data["grant"]
    token = f"{grant['status']}{' for ' + grant['account'] if grant['account'] else ''}" if grant else ""
    dates = [(f"{one['subject']} expires", moment(one["expires_at"])) for one in data["expiry_dates"]]
    updated = f"{moment(data['updated_at'])} UTC by {data['updated_by']}"
    place = [("name", data["name"]), *((key, ", ".join(data[key])) for key in ("for_domains", "for_applications"))]
    print_fields([*place, *settings, *own, *saved, ("access token", token), *dates, ("saved", updated)])
    if data["draft"]:
        click.echo(f"\nThere is a draft of changes: {data['draft']['name']}.")


def _fingerprints(pem: str) -> str:
    return "\n".join(certificates.fingerprint(one) for one in certificates.parse(pem)) if pem else ""


def setting(name: str | None) -> str:
    """Return the beginning of the command that changes this server, or the first one."""
    return f"mailroom mail set --server {quote(name)}" if name else "mailroom mail set"


def print_examination(found: Examination, command: str) -> None:
    """Print the result of a check: its stages and, if one failed, why, what to do and what was said.

    `command` is the beginning of what changes the server: a fix adds options to it.
    """
    stages = [
        (stage_label(one.stage), "ok" if one.passed else "failed", f"{one.seconds:.2f}", one.note)
        for one in found.stages
    ]
    print_table(("stage", "result", "seconds", "note"), stages)
    for route in found.broken_routes:
        click.echo(f"\n{route.family} doesn't work ({', '.join(route.addresses)}): {clean(route_error(route) or '')}")
    click.echo()
    if found.ok:
        _print_passed(found)
    else:
        _print_failed(found, command)


def _print_passed(found: Examination) -> None:
    click.echo(_passed(found))
    for one in found.warnings:
        warning = to_data(one)
        fields = [
            ("Warning", warning["cause"]),
            ("What to do", "\n".join(warning["steps"])),
            ("More", warning["help_url"]),
        ]
        click.echo()
        print_fields(fields)


def _print_failed(found: Examination, command: str) -> None:
    click.echo("The test email could not be sent." if found.sends else "The check failed.")
    diagnosis = to_data(found.diagnosis) if found.diagnosis else {}
    meaning = HEDGES.get(diagnosis.get("confidence") or "", "Meaning")
    fix = " ".join(f"{option(name)} {quote(value)}" for name, value in found.fix.values.items())
    print_fields(
        [
            ("Failed at", stage_label(found.stage) if found.stage else ""),
            ("Server reply" if found.reply else "Error", found.error),
            (meaning, " ".join([diagnosis.get("cause", ""), *diagnosis.get("evidence", ())])),
            ("What to do", "\n".join(diagnosis.get("steps", ()))),
            ("More", diagnosis.get("help_url")),
            ("This works" if found.fix.verified else "Try", f"{command} {fix}" if fix else ""),
        ]
    )
    if found.presented:
        _print_presented(found.presented, command)
    if found.tried:
        tried = [(in_a_line(one.connection), outcome(one).partition("\n")[0] or "works") for one in found.tried]
        click.echo("\nWhat was tried:")
        print_table(("settings", "result"), tried)
    if found.lines:
        click.echo("\nTranscript:")
    for line in found.lines:
        click.echo(f"{line.mark} {one_line(line.text)}")


def _print_presented(presented: Presented, command: str) -> None:
    click.echo("\nThe server's certificates:")
    rows = [(one.subject, one.issuer, f"{one.expires_at:%Y-%m-%d}", one.fingerprint) for one in presented.certificates]
    print_table(("issued for", "issued by", "expires", "SHA-256"), rows)
    for offer in presented.offers:
        given = " ".join(_given(name, value) for name, value in offer.values.items())
        click.echo(f"\n{OFFERS[offer.kind]}\n{command} {given}")


def _given(name: str, value: str) -> str:
    """Return the option that gives a form value; a certificate follows in the lines after the command."""
    if name not in TRUST:
        return f"{option(name)} {quote(value)}"
    return f"{option(name)}-file - <<'END'\n{value.strip()}\nEND" if value else f"{option(name)}-file /dev/null"


def print_findings(findings: Sequence[Finding]) -> None:
    """Print what the DNS says about a sender, and the records to publish."""
    if findings:
        click.echo("\nDeliverability:")
    for finding in findings:
        click.echo(f"{finding.subject} {finding.level}: {one_line(str(finding.text))}")
        for record in finding.records:
            value = record.value or f"({record.source})"
            click.echo(f"  publish: {record.name} {record.type} {one_line(value)}")


def _passed(found: Examination) -> str:
    if found.sends:
        accepted = f"{found.host} accepted the email to {found.recipient} in {found.seconds:.2f} seconds."
        page = f"{general_settings().public_url}{RESULTS}{found.trip.id}" if found.trip else ""
        return f"{accepted}\nWhether it arrives: {page}" if page else accepted
    return f"{found.host} accepts email to {found.recipient}. Nothing was sent. It took {found.seconds:.2f} seconds."
