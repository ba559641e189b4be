"""Which mail server a command is about, and why it can't be changed."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy.orm import Session

from webapp.core.errors import MailroomError, StaleVersion
from webapp.mail import servers
from webapp.mail.models import MailServer
from webapp.mail.server_list import CannotBeFirst, NameTaken
from webapp.mail.service import CannotWork
from webapp.providers.registry import get_providers

# Who saved a mail server, as it is stored.
COMMAND_LINE = "command line"
CHANGED_MEANWHILE = "Somebody else saved the mail server meanwhile. Look at it and try again."
REASONS: dict[type[MailroomError], str] = {
    StaleVersion: CHANGED_MEANWHILE,
    CannotBeFirst: "The first mail server is for all email. This one is only for certain senders or applications.",
    CannotWork: "This draft can't be used yet: it has no access token, or its plugin is missing.",
    NameTaken: "Another mail server has this name.",
}
server_option = click.option("--server", "name", metavar="NAME", help="Mail server or draft. Default: the first one.")
this_server_option = click.option("--server", "name", metavar="NAME", required=True, help="Mail server or draft.")


def find(session: Session, name: str | None) -> MailServer:
    """Return the server of this name, or the first one. Raises ClickException."""
    server = servers.primary(session) if name is None else servers.by_name(session, name)
    if server is None and name is None:
        raise click.ClickException("No mail server is set up. Use `mailroom mail set`.")
    if server is None:
        raise click.ClickException(f"There is no mail server named {name}.")
    return server


def named(session: Session, name: str | None) -> MailServer:
    """Return it, which has to be there with its plugin. Raises ClickException."""
    server = find(session, name)
    if server.provider not in get_providers():
        problem = f"The plugin for the provider {server.provider} is missing or broken"
        raise click.ClickException(f"{problem}; see MAILROOM_PLUGIN_DIR.")
    return server


@contextmanager
def explained() -> Iterator[None]:
    """Say why a mail server can't be changed. Raises ClickException."""
    try:
        yield
    except tuple(REASONS) as error:
        raise click.ClickException(REASONS[type(error)]) from error
