"""`mailroom applications`: programs that send through Mailroom, or manage its users."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import click
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from webapp.applications import service
from webapp.applications.models import Application
from webapp.applications.values import PERMISSIONS, InvalidValues, Values
from webapp.cli.base import changed_database, echo, open_database
from webapp.cli.options import BadOptions, option, options
from webapp.cli.output import json_option, moment, print_fields, print_json, print_json_array, print_result, print_table
from webapp.core import clock
from webapp.core.errors import NotFound

applications = AppGroup("applications", help="Programs that send through Mailroom or manage its users.")
name_argument = click.argument("name", metavar="NAME")
# The options whose names aren't those of their fields.
OPTIONS = {
    "name": "NAME",
    "allowed_senders": "--from",
    "networks": "--network",
    "return_urls": "--return-url",
}
HEADER = ("name", "identifier", "may", "state", "last used (UTC)")
SHOWN_ONCE = "The secret is shown only once."
HOURS = timedelta(hours=1)

Result = TypeVar("Result")
Change = Callable[[Session, Application], Any]


value_options = options(
    click.option(
        "--may",
        multiple=True,
        type=click.Choice(list(PERMISSIONS)),
        help="What it may do. Repeatable. Default: send.",
    ),
    click.option(
        "--from",
        "allowed_senders",
        multiple=True,
        metavar="ADDRESS|DOMAIN",
        help="A sender that it may use. Repeatable. Default: the mail server's sender only.",
    ),
    click.option(
        "--messages-per-hour", type=click.IntRange(0), help="Recipients in an hour; 0 for no limit, the default."
    ),
    click.option(
        "--network",
        "networks",
        multiple=True,
        metavar="CIDR",
        help="A network that it may come from. Repeatable. Default: any.",
    ),
    click.option(
        "--trust-networks/--no-trust-networks",
        "trusts_networks",
        default=None,
        help="Whether SMTP clients in these networks need no secret.",
    ),
    click.option(
        "--return-url",
        "return_urls",
        multiple=True,
        metavar="URL",
        help="The beginning of URLs that people may be led back to. Repeatable.",
    ),
)


@applications.command()
@name_argument
@value_options
@json_option
def add(name: str, as_json: bool, **given: Any) -> None:
    """Create an application, and print its secret."""
    with changed_database() as database, database.transaction() as session:
        values = _with_options(Values(name, may_send=True), given)
        application, secret = _checked(lambda: service.create(session, values))
        data = {**to_dict(application), "secret": secret}
    if as_json:
        print_json(data)
    else:
        print_fields([("Identifier", data["identifier"]), ("Secret", secret)])
        echo(SHOWN_ONCE)


@applications.command()
@name_argument
@click.option("--new-name", help="The new name.")
@value_options
@json_option
def change(name: str, new_name: str | None, as_json: bool, **given: Any) -> None:
    """Change what an application may do. A repeatable option replaces the whole list; an empty value clears it."""

    def change_one(session: Session, application: Application) -> None:
        values = _with_options(service.values_of(application), given)
        values = replace(values, name=new_name) if new_name is not None else values
        _checked(lambda: service.update(session, application.id, values))

    _change(name, as_json, "changed", change_one)


@applications.command("list")
@json_option
def list_applications(as_json: bool) -> None:
    """List the applications."""
    with open_database() as database, database.read() as session:
        found = service.list_all(session)
        rows = [to_dict(one) for one in found] if as_json else [_row(one) for one in found]
    if as_json:
        print_json_array(rows)
    else:
        print_table(HEADER, [tuple(row) for row in rows])


@applications.command()
@name_argument
@json_option
def show(name: str, as_json: bool) -> None:
    """Show an application, by its name or identifier."""
    with open_database() as database, database.read() as session:
        data = to_dict(find(session, name))
    if as_json:
        print_json(data)
        return
    print_fields((label.replace("_", " ").capitalize(), _readable(value)) for label, value in data.items())


@applications.command()
@name_argument
@click.option(
    "--overlap",
    type=click.IntRange(0, service.MAX_OVERLAP // HOURS),
    default=service.DEFAULT_OVERLAP // HOURS,
    show_default=True,
    metavar="HOURS",
    help="How long the previous secret stays valid; 0 ends it at once.",
)
@json_option
def rotate(name: str, overlap: int, as_json: bool) -> None:
    """Create a new secret, and print it."""
    with changed_database() as database, database.transaction() as session:
        application = find(session, name)
        secret = service.rotate(session, application.id, overlap * HOURS)
        data = {**to_dict(application), "secret": secret}
    if as_json:
        print_json(data)
    else:
        previous = f"is valid for {overlap} more hours" if overlap else "is no longer valid"
        print_fields([("Identifier", data["identifier"]), ("Secret", secret)])
        echo(f"{SHOWN_ONCE} The previous one {previous}.")


@applications.command()
@name_argument
@json_option
def disable(name: str, as_json: bool) -> None:
    """Disable an application. What it handed in is still sent."""
    _change(name, as_json, "disabled", lambda session, one: service.disable(session, one.id))


@applications.command()
@name_argument
@json_option
def enable(name: str, as_json: bool) -> None:
    """Enable a disabled application."""
    _change(name, as_json, "enabled", lambda session, one: service.enable(session, one.id))


@applications.command()
@name_argument
@click.option("--yes", is_flag=True, help="Don't ask first.")
@json_option
def delete(name: str, yes: bool, as_json: bool) -> None:
    """Delete an application and its secrets. What it handed in is still sent, and stays in the outbox."""
    if not yes:
        click.confirm(f"Delete the application {name}? This can't be undone.", abort=True, err=True)
    _change(name, as_json, "deleted", lambda session, one: service.delete(session, one.id))


def to_dict(application: Application) -> dict[str, Any]:
    """Return an application as JSON has it."""
    values = service.values_of(application).as_columns()
    may = [name for name, column in PERMISSIONS.items() if values.pop(column)]
    times = {name: getattr(application, name) for name in ("created_at", "disabled_at", "last_used_at")}
    data = {"identifier": application.identifier, "may": may, **times, "last_used_from": application.last_used_from}
    valid = service.valid_secrets(application, clock.now())
    return {
        "name": values.pop("name"),
        **data,
        **values,
        "secrets": [{"created_at": one.created_at, "expires_at": one.expires_at} for one in valid],
    }


def _readable(value: Any) -> object:
    if isinstance(value, datetime):
        return f"{moment(value)} UTC"
    if isinstance(value, list):
        return "\n".join(str(_readable(one)) for one in value)
    if isinstance(value, dict):
        until = f", valid until {moment(value['expires_at'])} UTC" if value["expires_at"] else ""
        return f"created {moment(value['created_at'])} UTC{until}"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


def _row(application: Application) -> tuple[object, ...]:
    may = ", ".join(name for name, column in PERMISSIONS.items() if getattr(application, column))
    state = "disabled" if application.disabled_at else "active"
    return application.name, application.identifier, may, state, moment(application.last_used_at)


def _with_options(values: Values, given: dict[str, Any]) -> Values:
    """Return the values with the options that were given."""
    may, limit = given["may"], given["messages_per_hour"]
    new = {name: given[name] for name in ("allowed_senders", "networks", "return_urls") if given[name]}
    if may:
        new |= {column: one in may for one, column in PERMISSIONS.items()}
    if limit is not None:
        new["messages_per_hour"] = limit or None
    if given["trusts_networks"] is not None:
        new["trusts_networks"] = given["trusts_networks"]
    return replace(values, **new)


def _change(name: str, as_json: bool, done: str, change_one: Change) -> None:
    """Change an application, and say what was done."""
    with changed_database() as database, database.transaction() as session:
        application = find(session, name)
        change_one(session, application)
        session.flush()
        data = to_dict(application)
    print_result(data, as_json, f"{data['name']}: {done}.")


def find(session: Session, name: str) -> Application:
    """Return the application with this name or identifier. Raises ClickException."""
    try:
        return service.find(session, name)
    except NotFound as error:
        raise click.ClickException(f"There is no application named {name}.") from error


def _checked(run: Callable[[], Result]) -> Result:
    """Run something. Raises BadOptions with what is wrong with each option."""
    try:
        return run()
    except InvalidValues as error:
        raise BadOptions(
            {OPTIONS.get(name) or option(name): str(text) for name, text in error.errors.items()}
        ) from error
