"""`mailroom audit`: who did what, when, from where."""

from itertools import chain
from typing import Any

import click
from flask.cli import AppGroup

from webapp.audit import audit_events, registry, service
from webapp.audit.export import export_csv
from webapp.audit.forms import FilterForm
from webapp.audit.models import AuditEntry
from webapp.cli.base import changed_database, open_database
from webapp.cli.options import form_data, options, require_known, require_valid
from webapp.cli.output import json_option, limit_option, moment, print_csv, print_list

HEADER = ("time (UTC)", "event", "about", "by", "from", "details")
audit = AppGroup("audit", help="Who did what, when and from where.")


# Those of the page's filter.
filters = options(
    click.option("--event", help="Such as user.created."),
    click.option("--person", metavar="ADDRESS", help="Email address of who acted or was affected."),
    click.option("--ip-address", metavar="ADDRESS", help="Where it came from."),
    click.option("--since", metavar="DAY", help="First day (UTC), such as 2026-11-30."),
    click.option("--until", metavar="DAY", help="Last day (UTC)."),
)


@audit.command("list")
@filters
@limit_option
@json_option
def list_entries(limit: int | None, as_json: bool, **given: str | None) -> None:
    """List entries, newest first."""
    form = _filter_form(given)
    with open_database() as database:
        found = chain.from_iterable(service.read_all(database, form.to_filter()))
        print_list(found, as_json, limit, HEADER, _row, to_dict)


@audit.command()
@filters
def export(**given: str | None) -> None:
    """Print all entries that the filter shows, as CSV."""
    form = _filter_form(given)
    entry_filter, filtered = form.to_filter(), list(form.query_args())
    with changed_database() as database:
        with database.transaction() as session:
            service.record(session, audit_events.TRAIL_DOWNLOADED, email=entry_filter.person, filtered=filtered)
        print_csv(export_csv(database, entry_filter))


def to_dict(entry: AuditEntry) -> dict[str, Any]:
    """Return an entry as JSON has it."""
    return {
        "time": entry.happened_at,
        "event": entry.event,
        "subject": entry.subject_email or None,
        "subject_id": entry.subject_id,
        "actor": entry.actor_email or None,
        "actor_id": entry.actor_id,
        "ip_address": entry.ip_address or None,
        "user_agent": entry.user_agent or None,
        "data": entry.data,
    }


def _filter_form(given: dict[str, str | None]) -> FilterForm:
    if given["event"]:
        require_known("--event", [given["event"]], (known.key for known in registry.event_types()))
    form = FilterForm(formdata=form_data(given))
    require_valid(form)
    return form


def _row(entry: AuditEntry) -> tuple[object, ...]:
    source = entry.ip_address or entry.user_agent
    details = " ".join(registry.describe(entry.data))
    return moment(entry.happened_at), entry.event, entry.subject_email, entry.actor_email, source, details
