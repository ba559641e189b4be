"""`mailroom users disable`, `delete`, `show-link` and the like: what is done to one user."""

import math
from collections.abc import Callable

import click
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from webapp.accounts.fields import NameForm
from webapp.accounts.models import Role, User
from webapp.accounts.password_links import service as password_links
from webapp.accounts.users import admin_links, administration
from webapp.accounts.users.forms import CorrectAddressForm
from webapp.cli.base import changed_database
from webapp.cli.options import form_data, require_valid
from webapp.cli.output import json_option, print_json, print_result
from webapp.cli.user_data import email_argument, find, link_to_dict, print_link, public_url, role_type, to_dict
from webapp.core.app_state import app_state
from webapp.core.errors import TooManyRequests
from webapp.web.forms import text

# They become commands of the group `users`.
actions = AppGroup()
Change = Callable[[Session, User], object]


@actions.command()
@email_argument
@json_option
def disable(email: str, as_json: bool) -> None:
    """Disable an account, and sign it out everywhere."""
    _change(email, as_json, "disabled", lambda session, user: administration.disable(session, user.id, by=None))


@actions.command()
@email_argument
@json_option
def enable(email: str, as_json: bool) -> None:
    """Enable a disabled account."""
    _change(email, as_json, "enabled", lambda session, user: administration.enable(session, user.id, by=None))


@actions.command()
@email_argument
@json_option
def unlock(email: str, as_json: bool) -> None:
    """Lift the lock after too many wrong passwords."""
    _change(email, as_json, "unlocked", lambda session, user: administration.unlock(session, user.id, by=None))


@actions.command("sign-out")
@email_argument
@json_option
def sign_out(email: str, as_json: bool) -> None:
    """Sign somebody out of all browsers."""
    _change(email, as_json, "signed out", lambda session, user: administration.end_sessions(session, user.id, by=None))


@actions.command()
@email_argument
@click.option("--yes", is_flag=True, help="Don't ask first.")
@json_option
def delete(email: str, yes: bool, as_json: bool) -> None:
    """Delete an account, with its messages in the outbox."""
    if not yes:
        click.confirm(f"Delete the account of {email}? This can't be undone.", abort=True, err=True)
    _change(email, as_json, "deleted", lambda session, user: administration.delete(session, user.id, by=None))


@actions.command()
@email_argument
@json_option
def resend(email: str, as_json: bool) -> None:
    """Send another activation email."""
    try:
        _change(email, as_json, "another activation email is queued", password_links.enqueue_activation)
    except TooManyRequests as error:
        minutes = math.ceil(error.retry_after / 60)
        text = f"An activation email was requested a moment ago. Another can be in {minutes} minutes."
        raise click.ClickException(text) from error


@actions.command("show-link")
@email_argument
@json_option
def show_link(email: str, as_json: bool) -> None:
    """Print a link, for when email doesn't arrive.

    It activates a new account, or resets the password of an active one; the user is notified by email.
    """
    with changed_database() as database, database.transaction() as session:
        url = public_url(session)
        user = find(session, email)
        link = admin_links.create(session, app_state().sealer, user.id, by=None)
        data = {**to_dict(user), **link_to_dict(link, url)}
    if as_json:
        print_json(data)
    else:
        print_link(data)


@actions.command()
@email_argument
@click.option("--name", help="The new name.")
@click.option("--role", type=role_type, help="The new role; it signs the user out everywhere.")
@click.option("--new-email", help="The right address of somebody who hasn't activated the account yet.")
@json_option
def change(email: str, name: str | None, role: str | None, new_email: str | None, as_json: bool) -> None:
    """Change the name, the role or a mistyped address."""
    changes: list[Change] = []
    if name is not None:
        name_form = NameForm(formdata=form_data({"name": name}))
        require_valid(name_form)
        changes.append(lambda session, user: administration.rename(session, user.id, text(name_form.name), by=None))
    if role is not None:
        new_role = Role(role)
        changes.append(lambda session, user: administration.change_role(session, user.id, new_role, by=None))
    if new_email is not None:
        address_form = CorrectAddressForm(formdata=form_data({"email": new_email}))
        require_valid(address_form, {"email": "--new-email"})
        address = text(address_form.email)
        changes.append(lambda session, user: administration.correct_address(session, user.id, address, by=None))
    if not changes:
        raise click.UsageError("Give what to change: --name, --role or --new-email.")
    _change(email, as_json, "changed", lambda session, user: [one(session, user) for one in changes])


def _change(email: str, as_json: bool, done: str, change: Change) -> None:
    """Change a user, and say what was done. Raises ClickException, MailroomError."""
    with changed_database() as database, database.transaction() as session:
        user = administration.lock_user(session, find(session, email).id, by=None)
        change(session, user)
        data = to_dict(user)
    print_result(data, as_json, f"{user.email}: {done}.")
