"""`mailroom webhooks`: where events are sent."""

import sys
from collections.abc import Callable
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from webapp.cli.applications import find as find_application
from webapp.cli.base import changed_database, echo, open_database
from webapp.cli.options import BadOptions, require_valid
from webapp.cli.output import json_option, moment, print_fields, print_json, print_json_array, print_table
from webapp.core.app_state import app_state
from webapp.core.database import Database
from webapp.webhooks import service
from webapp.webhooks.forms import WebhookForm, scope_of
from webapp.webhooks.labels import describe_failure, host_of
from webapp.webhooks.models import Webhook
from webapp.webhooks.registry import event_types
from webapp.webhooks.testing import send_test

HEADER = ("name", "state", "host", "application", "events", "last failure")
# The options whose names aren't those of their fields.
OPTIONS = {
    "webhook_name": "NAME",
    "webhook_url": "URL",
    "webhook_application": "--application",
    "webhook_events": "--event",
}
webhooks = AppGroup("webhooks", help="Where other programs are told what happens.")
name_argument = click.argument("name")
event_option = click.option(
    "--event", "events", multiple=True, help="An event, such as message.failed. Repeatable. Default: all."
)
application_option = click.option(
    "--application", metavar="NAME", help="Only events of this application, by its name or identifier."
)
Change = Callable[[Session, Webhook], object]


@webhooks.command("list")
@json_option
def list_webhooks(as_json: bool) -> None:
    """List the webhooks."""
    with open_database() as database, database.read() as session:
        names = service.application_names(session)
        found = [_to_dict(one, names) for one in service.list_all(session)]
    if as_json:
        print_json_array(found)
    else:
        print_table(HEADER, [_row(one) for one in found])


@webhooks.command()
@name_argument
@click.argument("url")
@event_option
@application_option
@json_option
def add(name: str, url: str, events: tuple[str, ...], application: str | None, as_json: bool) -> None:
    """Create a webhook, and print its signing secret.

    With - as the URL, it is read from standard input: many URLs are secrets, and anybody can see arguments.
    """
    with changed_database() as database:
        form = _form(database, {"webhook_name": name, "webhook_url": _read(url)}, events, application)
        with database.transaction() as session:
            created = service.create(session, app_state().sealer, **form.values)
            data = {**_to_dict(created.webhook, service.application_names(session)), "secret": created.secret}
    if as_json:
        print_json(data)
    else:
        print_fields([("Signing secret", created.secret)])


@webhooks.command()
@name_argument
@click.option("--new-name", metavar="NAME", help="The new name.")
@click.option("--url", help="The new URL; - is standard input.")
@event_option
@click.option("--all-events", is_flag=True, help="All events again.")
@click.option("--all-applications", is_flag=True, help="Events of all applications again.")
@application_option
@json_option
def change(
    name: str,
    new_name: str | None,
    url: str | None,
    events: tuple[str, ...],
    all_events: bool,
    all_applications: bool,
    application: str | None,
    as_json: bool,
) -> None:
    """Change a webhook. What isn't given stays as it is."""
    with changed_database() as database:
        with database.read() as session:
            webhook = _find(session, name)
            applications = service.application_names(session)
        given = {
            "webhook_name": new_name if new_name is not None else webhook.name,
            "webhook_url": _read(url) if url is not None else service.saved_url(webhook, app_state().sealer),
        }
        chosen = () if all_events else events or tuple(webhook.events)
        present = applications.get(webhook.application_id) if webhook.application_id else None
        form = _form(database, given, chosen, None if all_applications else application or present)
        with database.transaction() as session:
            service.update(session, app_state().sealer, webhook.id, **form.values)
            data = _to_dict(service.get(session, webhook.id), applications)
    if as_json:
        print_json(data)
    else:
        echo(f"{data['name']}: changed.")


@webhooks.command()
@name_argument
@json_option
@click.pass_context
def test(context: click.Context, name: str, as_json: bool) -> None:
    """Send a test event. The exit code is 0 if the receiver accepted it, 1 if it didn't."""
    with changed_database() as database:
        with database.read() as session:
            webhook = _find(session, name)
        result = send_test(app_state(), webhook)
    error = describe_failure(result.failure_code, result.failure_params) if result.failure_code else None
    if as_json:
        print_json({"ok": error is None, "status": result.status, "error": error})
    else:
        echo(error or "Test event delivered.")
    context.exit(1 if error else 0)


@webhooks.command()
@name_argument
@json_option
def rotate(name: str, as_json: bool) -> None:
    """Create a new signing secret, and print it. The previous one also signs for a day."""
    with changed_database() as database, database.transaction() as session:
        secret = service.renew_secret(session, app_state().sealer, _find(session, name).id)
    if as_json:
        print_json({"name": name, "secret": secret})
    else:
        print_fields([("Signing secret", secret)])


@webhooks.command()
@name_argument
@json_option
def disable(name: str, as_json: bool) -> None:
    """Send it nothing any more, not even what is queued."""
    _change(name, as_json, "disabled", lambda session, webhook: service.turn_off(session, webhook.id))


@webhooks.command()
@name_argument
@json_option
def enable(name: str, as_json: bool) -> None:
    """Send it what happens from now on."""
    _change(name, as_json, "enabled", lambda session, webhook: service.turn_on(session, webhook.id))


@webhooks.command()
@name_argument
@click.option("--yes", is_flag=True, help="Don't ask first.")
@json_option
def delete(name: str, yes: bool, as_json: bool) -> None:
    """Delete a webhook with its events."""
    if not yes:
        click.confirm(f"Delete the webhook {name}? This can't be undone.", abort=True, err=True)
    _change(name, as_json, "deleted", lambda session, webhook: service.delete(session, webhook.id))


def _form(database: Database, given: dict[str, str], events: tuple[str, ...], application: str | None) -> WebhookForm:
    """Return the form of the page with what is given. Raises BadOptions, or ClickException for the application."""
    with database.read() as session:
        names = service.application_names(session)
        id_ = find_application(session, application).id if application else 0
    if unknown := sorted(set(events) - set(event_types())):
        known = ", ".join(sorted(event_types()))
        raise BadOptions({"--event": f"There is no event {unknown[0]}. There are: {known}."})
    data = MultiDict(given)
    data["webhook_application"] = str(id_)
    data["webhook_scope"] = scope_of(events)
    data.setlist("webhook_events", list(events))
    form = WebhookForm(names, formdata=data)
    require_valid(form, OPTIONS)
    return form


def _to_dict(webhook: Webhook, applications: dict[int, str]) -> dict[str, Any]:
    """Return a webhook as JSON has it. Of the URL, only the host is no secret."""
    failure = describe_failure(webhook.failure_code, webhook.failure_params) if webhook.failure_code else None
    return {
        "name": webhook.name,
        "host": host_of(service.saved_url(webhook, app_state().sealer)),
        "events": webhook.events,
        "application": applications.get(webhook.application_id) if webhook.application_id else None,
        "created_at": webhook.created_at,
        "disabled_at": webhook.disabled_at,
        "last_delivered_at": webhook.last_delivered_at,
        "failed_at": webhook.failed_at,
        "failure": failure,
    }


def _row(data: dict[str, Any]) -> tuple[object, ...]:
    state = "disabled" if data["disabled_at"] else "active"
    failure = f"{moment(data['failed_at'])}: {data['failure']}" if data["failure"] else ""
    events = ", ".join(data["events"]) or "all"
    return data["name"], state, data["host"], data["application"] or "all", events, failure


def _change(name: str, as_json: bool, done: str, change: Change) -> None:
    """Change a webhook, and say what was done. Raises ClickException, SetInFile."""
    with changed_database() as database, database.transaction() as session:
        webhook = _find(session, name)
        change(session, webhook)
        data = _to_dict(webhook, service.application_names(session))
    if as_json:
        print_json(data)
    else:
        echo(f"{data['name']}: {done}.")


def _find(session: Session, name: str) -> Webhook:
    """Return the webhook with this name. Raises ClickException."""
    webhook = service.find(session, name)
    if webhook is None:
        raise click.ClickException(f"There is no webhook named {name}.")
    return webhook


def _read(url: str) -> str:
    return sys.stdin.readline().strip() if url == "-" else url
