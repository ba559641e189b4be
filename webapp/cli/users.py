"""`mailroom create-admin` and `mailroom users`."""

from itertools import chain
from pathlib import Path

import click
from flask.cli import AppGroup

from webapp.accounts import audit_events, names
from webapp.accounts.imports.formats import ENCODINGS
from webapp.accounts.models import Role, User, UserState
from webapp.accounts.users import admin_links, administration, listing
from webapp.accounts.users.export import export_csv
from webapp.accounts.users.forms import NewUserForm, UserFilterForm
from webapp.audit import service as audit
from webapp.cli import user_import
from webapp.cli.base import changed_database, echo, open_database
from webapp.cli.options import form_data, options, require_valid
from webapp.cli.output import json_option, limit_option, moment, print_csv, print_json, print_list
from webapp.cli.user_actions import actions
from webapp.cli.user_data import email_argument, link_to_dict, print_link, public_url, role_type, to_dict
from webapp.core.app_state import app_state
from webapp.core.i18n import LANGUAGES
from webapp.web.forms import text

HEADER = ("id", "state", "role", "created (UTC)", "email", "name")
users = AppGroup("users", help="Users: create, import, change, disable, unlock.")
for action in actions.commands.values():
    users.add_command(action)
# Those of the list's filter.
filters = options(
    click.option("--search", help="Beginnings of words of the name or address, or a complete address."),
    click.option("--state", type=click.Choice([state.value for state in UserState])),
    click.option("--role", type=role_type),
)


@users.command()
@email_argument
@click.option("--name", help="Default: the part of EMAIL before the @.")
@click.option("--role", default=Role.MEMBER.value, show_default=True, type=role_type)
@click.option("--language", type=click.Choice(list(LANGUAGES)), help="Default: that of the browser.")
@click.option("--send-activation", is_flag=True, help="Send an email with the activation link.")
@click.option("--show-link", is_flag=True, help="Print the activation link instead.")
@json_option
def add(
    email: str,
    name: str | None,
    role: str,
    language: str | None,
    send_activation: bool,
    show_link: bool,
    as_json: bool,
) -> None:
    """Create a user, who chooses a password through a link."""
    if send_activation and show_link:
        raise click.UsageError("Use --send-activation or --show-link, not both.")
    given = {"email": email, "name": name or names.from_address(email), "role": role, "language": language or ""}
    form = NewUserForm(formdata=form_data(given))
    require_valid(form, {"email": "EMAIL"})
    with changed_database() as database, database.transaction() as session:
        url = public_url(session) if show_link else ""
        user = administration.create_user(
            session,
            email=text(form.email),
            name=text(form.name),
            role=Role(form.role.data),
            send_activation=send_activation,
            language=text(form.language),
        )
        link = admin_links.create_activation(session, app_state().sealer, user) if show_link else None
        data = {**to_dict(user), **(link_to_dict(link, url) if link else {})}
    if as_json:
        print_json(data)
    else:
        echo(f"{user.email} was created." + (" An activation email is queued." if send_activation else ""))
        print_link(data)


@users.command("list")
@filters
@limit_option
@json_option
def list_users(limit: int | None, as_json: bool, **given: str | None) -> None:
    """List users, newest first."""
    user_filter = UserFilterForm(formdata=form_data(given)).to_filter()
    with open_database() as database:
        found = chain.from_iterable(listing.read_all(database, user_filter))
        print_list(found, as_json, limit, HEADER, _row, to_dict)


@users.command()
@filters
def export(**given: str | None) -> None:
    """Print users as CSV, which `mailroom users import` reads."""
    user_filter = UserFilterForm(formdata=form_data(given)).to_filter()
    with changed_database() as database:
        with database.transaction() as session:
            audit.record(session, audit_events.USERS_DOWNLOADED, filtered=list(user_filter.query_args()))
        print_csv(export_csv(database, user_filter))


@users.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--send-activation", is_flag=True, help="Send an activation email to everybody who is created.")
@click.option(
    "--role",
    default=Role.MEMBER.value,
    show_default=True,
    type=role_type,
    help="Role of those who have none in the file.",
)
@click.option("--encoding", type=click.Choice(list(ENCODINGS)), help="Encoding of the file. Default: it is detected.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@json_option
def import_users(
    file: Path, send_activation: bool, role: str, encoding: str | None, dry_run: bool, as_json: bool
) -> None:
    """Create users from a CSV file.

    It needs a column of email addresses; columns for the name, the role and the language are found by their names.
    People who have an account are skipped.
    The exit code is 0 if everybody was created or skipped, 1 if some lines are bad, 2 if the import was not completed.
    """
    with changed_database() as database:
        report = user_import.run(database, file, encoding or "", Role(role), send_activation, dry_run)
        if as_json:
            print_json(report.to_dict())
        else:
            report.show()
    click.get_current_context().exit(report.exit_code)


def _row(user: User) -> tuple[object, ...]:
    return user.id, user.state, user.role, moment(user.created_at), user.email, user.name
