"""`mailroom create-admin`."""

import sys

import click
from flask.cli import with_appcontext

from webapp.accounts import audit_events, names
from webapp.accounts.passwords import hashing
from webapp.accounts.passwords import policy as password_policy
from webapp.accounts.passwords.policy import PasswordRejected
from webapp.accounts.service import AddressTaken
from webapp.accounts.users import administration
from webapp.audit import service as audit
from webapp.cli.base import changed_database
from webapp.cli.output import json_option, print_result
from webapp.cli.user_data import to_dict
from webapp.core.app_state import app_state
from webapp.core.email_addresses import InvalidEmailAddress
from webapp.web.forms import text_error


@click.command("create-admin")
@click.argument("email")
@click.option("--name", default="", help="Name of the person. Default: the part of EMAIL before the @.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@json_option
@with_appcontext
def create_admin(email: str, name: str, password_stdin: bool, as_json: bool) -> None:
    """Create an administrator who can sign in immediately."""
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    name = name.strip() or names.from_address(email)
    # The pages would refuse the same text, so nobody could enter it there.
    if wrong := text_error(name, most=names.MAX_NAME_LENGTH) or names.problem(name):
        raise click.ClickException(f"This name can't be used. {wrong}")
    try:
        if problem := text_error(password, secret=True):
            raise PasswordRejected(problem)
        with changed_database() as database:
            with database.read() as session:
                policy = password_policy.load(session, app_state().config)
            policy.check(password, email, name)
            password_hash = hashing.hash_password(password)
            with database.transaction() as session:
                created = administration.create_administrator(session, email, name, password_hash)
                audit.record(session, audit_events.ADMINISTRATOR_CREATED, created)
                data = to_dict(created)
    except AddressTaken as error:
        raise click.ClickException(f"{email} already has an account.") from error
    except InvalidEmailAddress as error:
        raise click.ClickException(f"{email}: {error}") from error
    except PasswordRejected as error:
        raise click.ClickException(f"This password can't be used for {email}. {error}") from error
    print_result(data, as_json, f"{email} can now sign in as an administrator.")
