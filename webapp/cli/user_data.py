"""What the commands about users share: how they find one, and what they print of one."""

from typing import Any

import click
from sqlalchemy.orm import Session

from webapp.accounts import service
from webapp.accounts.models import Role, User
from webapp.accounts.users.admin_links import ShownLink
from webapp.cli.output import moment, print_fields
from webapp.core.app_state import app_state
from webapp.settings.service import general

role_type = click.Choice([role.value for role in Role])
email_argument = click.argument("email")


def find(session: Session, email: str) -> User:
    """Return the user with this address. Raises ClickException."""
    user = service.find_by_email(session, email)
    if user is None:
        raise click.ClickException(f"Nobody has the address {email}.")
    return user


def public_url(session: Session) -> str:
    """Return the public URL, with which links begin. Raises ClickException if none is set."""
    url = general(session, app_state().config).public_url
    if not url:
        raise click.ClickException("Set the public URL first: `mailroom settings set public_url URL`.")
    return url


def to_dict(user: User) -> dict[str, Any]:
    """Return a user as JSON has it."""
    names = ("id", "email", "name", "role", "state", "language", "created_at", "activated_at")
    return {name: getattr(user, name) for name in names}


def link_to_dict(link: ShownLink, url: str) -> dict[str, Any]:
    """Return a link as JSON has it."""
    return {"link": link.url(url), "code": link.code, "link_expires_at": link.expires_at}


def print_link(data: dict[str, Any]) -> None:
    """Print the link, if there is one."""
    if "link" in data:
        expires = f"{moment(data['link_expires_at'])} UTC"
        print_fields([("Link", data["link"]), ("Code", data["code"]), ("Valid until", expires)])
