"""`mailroom webhooks`: where events are sent."""

import sys
from collections.abc import Callable
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from webapp.applications.names import names as application_names
from webapp.cli.applications import find as find_application
from webapp.cli.base import changed_database, open_database
from webapp.cli.options import require_known, require_valid
from webapp.cli.output import json_option, moment, print_json_array, print_result, print_table
from webapp.core.app_state import app_state
from webapp.webhooks import service
from webapp.webhooks.forms import WebhookForm, to_post
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
webhooks = AppGroup("webhooks", help="Send events to other programs.")
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
        names = application_names(session)
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
    given_url = _read(url)
    with changed_database() as database, database.transaction() as session:
        values = {"name": name, "url": given_url, "events": events, "application_id": None}
        created = service.create(session, app_state().sealer, **_valid(session, values, application))
        data = {**_to_dict(created.webhook, application_names(session)), "secret": created.secret}
    print_result(data, as_json, f"Signing secret: {created.secret}")


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
    chosen = [] if all_events else list(events) or None
    given = {"name": new_name, "url": None if url is None else _read(url), "events": chosen}

    def change_one(session: Session, webhook: Webhook) -> None:
        sealer = app_state().sealer
        values = service.values_of(webhook, sealer) | {key: value for key, value in given.items() if value is not None}
        if all_applications:
            values["application_id"] = None
        service.update(
            session, sealer, webhook.id, **_valid(session, values, None if all_applications else application)
        )

    _change(name, as_json, "changed", change_one)


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
    answer = {"ok": error is None, "status": result.status, "error": error}
    print_result(answer, as_json, error or "Test event delivered.")
    context.exit(1 if error else 0)


@webhooks.command()
@name_argument
@json_option
def rotate(name: str, as_json: bool) -> None:
    """Create a new signing secret, and print it. The previous one also signs for a day."""
    with changed_database() as database, database.transaction() as session:
        secret = service.renew_secret(session, app_state().sealer, _find(session, name).id)
    print_result({"name": name, "secret": secret}, as_json, f"Signing secret: {secret}")


@webhooks.command()
@name_argument
@json_option
def disable(name: str, as_json: bool) -> None:
    """Turn a webhook off. Queued events aren't sent either."""
    _change(name, as_json, "disabled", lambda session, webhook: service.turn_off(session, webhook.id))


@webhooks.command()
@name_argument
@json_option
def enable(name: str, as_json: bool) -> None:
    """Turn a webhook on, for events from now on."""
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


def _valid(session: Session, values: dict[str, Any], application: str | None) -> dict[str, Any]:
    """Return values, with the application of this name if one is given, as the form of the page takes them.

    Raises BadOptions, or ClickException for the application.
    """
    if application:
        values = values | {"application_id": find_application(session, application).id}
    require_known("--event", values["events"], event_types())
    form = WebhookForm(application_names(session), formdata=to_post(values))
    require_valid(form, OPTIONS)
    return form.values


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
        data = _to_dict(webhook, application_names(session))
    print_result(data, as_json, f"{data['name']}: {done}.")


def _find(session: Session, name: str) -> Webhook:
    """Return the webhook with this name. Raises ClickException."""
    webhook = service.find(session, name)
    if webhook is None:
        raise click.ClickException(f"There is no webhook named {name}.")
    return webhook


def _read(url: str) -> str:
    return sys.stdin.readline().strip() if url == "-" else url
