"""`mailroom create-admin` and `mailroom users`."""

import sys
from pathlib import Path

import click
from flask.cli import AppGroup, with_appcontext

from webapp.accounts import audit_events, names
from webapp.accounts.imports import command as import_command
from webapp.accounts.imports.formats import ENCODINGS
from webapp.accounts.models import Role
from webapp.accounts.passwords import hashing
from webapp.accounts.passwords import policy as password_policy
from webapp.accounts.passwords.policy import PasswordRejected
from webapp.accounts.service import AddressTaken
from webapp.accounts.users import administration
from webapp.audit import service as audit
from webapp.cli.base import echo, upgraded_database
from webapp.core.app_state import app_state
from webapp.core.email_addresses import InvalidEmailAddress
from webapp.web.forms import text_error

users = AppGroup("users", help="Look after users.")


@click.command("create-admin")
@click.argument("email")
@click.option("--name", default="", help="Name of the person. Default: the part of EMAIL before the @.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@with_appcontext
def create_admin(email: str, name: str, password_stdin: bool) -> None:
    """Create an administrator who can sign in immediately."""
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    # In a name, “ada.lovelace” would look like a domain.
    name = name.strip() or email.partition("@")[0].replace(".", " ")
    # The pages would refuse the same text, so nobody could enter it there.
    if wrong := text_error(name, most=names.MAX_NAME_LENGTH) or names.problem(name):
        raise click.ClickException(f"This name can't be used. {wrong}")
    try:
        if problem := text_error(password, secret=True):
            raise PasswordRejected(problem)
        with upgraded_database() as database:
            with database.read() as session:
                policy = password_policy.load(session, app_state().config)
            policy.check(password, email, name)
            password_hash = hashing.hash_password(password)
            with database.transaction() as session:
                created = administration.create_administrator(session, email, name, password_hash)
                audit.record(session, audit_events.ADMINISTRATOR_CREATED, created)
    except AddressTaken as error:
        raise click.ClickException(f"{email} already has an account.") from error
    except InvalidEmailAddress as error:
        raise click.ClickException(f"{email}: {error}") from error
    except PasswordRejected as error:
        raise click.ClickException(f"This password can't be used for {email}. {error}") from error
    echo(f"{email} can now sign in as an administrator.")


@users.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--send-activation", is_flag=True, help="Send an activation email to everybody who is created.")
@click.option(
    "--role",
    default=Role.MEMBER.value,
    show_default=True,
    type=click.Choice([role.value for role in Role]),
    help="Role of those who have none in the file.",
)
@click.option("--encoding", type=click.Choice(list(ENCODINGS)), help="Encoding of the file. Default: it is detected.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@click.pass_context
def import_users(
    context: click.Context, file: Path, send_activation: bool, role: str, encoding: str | None, dry_run: bool
) -> None:
    """Create users from a CSV file with a column of email addresses.

    Columns for the name, the role and the language are found by their names. People who have an account are skipped.
    The exit code is 0 if everybody was created or skipped, 1 if some lines are bad, 2 if the import was not completed.
    """
    with upgraded_database() as database:
        context.exit(import_command.run(database, file, encoding or "", Role(role), send_activation, dry_run))
