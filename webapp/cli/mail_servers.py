"""`mailroom mail`: which mail servers are used, in which order, and for what."""

from collections.abc import Callable
from shlex import quote
from typing import Any

import click
from flask.cli import with_appcontext
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from webapp.applications import service as applications
from webapp.cli.applications import find as find_application
from webapp.cli.base import changed_database, open_database
from webapp.cli.mail_output import server_to_dict
from webapp.cli.mail_server_options import COMMAND_LINE, explained, find, server_option, this_server_option
from webapp.cli.options import require_valid
from webapp.cli.output import json_option, moment, print_json_array, print_result, print_table
from webapp.core.errors import NotFound
from webapp.mail import server_list, servers, service
from webapp.mail.models import MailServer
from webapp.mail.server_page import deliveries
from webapp.mail.server_page.assign_form import AssignForm
from webapp.mail.server_page.places import place_of

HEADER = ("name", "use", "provider", "host", "last delivery (UTC)", "failing since (UTC)")


@click.command("list")
@json_option
@with_appcontext
def list_servers(as_json: bool) -> None:
    """List the mail servers: the first one, the fallbacks in order, drafts."""
    with open_database() as database, database.read() as session:
        found, names = [*servers.in_order(session), *servers.drafts(session)], servers.names(session)
        sent = deliveries.of_servers(session, [one.id for one in found])
    if as_json:
        print_json_array(
            {
                **server_to_dict(one),
                "draft_of": names.get(one.replaces_id or 0),
                "last_sent_at": sent[one.id].sent_at,
                "in_trouble_since": sent[one.id].failing_since,
            }
            for one in found
        )
    else:
        print_table(HEADER, (_row(one, names, sent[one.id]) for one in found))


@click.command()
@server_option
@json_option
@with_appcontext
def copy(name: str | None, as_json: bool) -> None:
    """Make a draft with the settings and secrets of a mail server, but without its access token."""
    _change(
        name,
        as_json,
        lambda one: f"{one.name}: a draft. To use it: `mailroom mail use --server {quote(one.name)}`.",
        lambda session, one: service.copy(session, one.id, COMMAND_LINE),
    )


@click.command()
@this_server_option
@json_option
@with_appcontext
def use(name: str, as_json: bool) -> None:
    """Put a draft to use, or make a fallback the first one."""
    _change(name, as_json, place_of, lambda session, one: service.use(session, one.id, COMMAND_LINE).server)


@click.command()
@this_server_option
@click.argument("direction", type=click.Choice(["up", "down"]))
@json_option
@with_appcontext
def move(name: str, direction: str, as_json: bool) -> None:
    """Move a mail server up or down by one place in the order of use."""

    def change(session: Session, server: MailServer) -> MailServer:
        try:
            return server_list.move(session, server.id, up=direction == "up")
        except NotFound as error:
            raise click.ClickException("This is a draft. Use it first: `mailroom mail use`.") from error

    _change(name, as_json, place_of, change)


@click.command()
@this_server_option
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
@with_appcontext
def delete(name: str, yes: bool, as_json: bool) -> None:
    """Delete a mail server or draft, with its secrets and its access token."""
    if not yes:
        click.confirm(f"Delete the mail server {name}? This can't be undone.", abort=True, err=True)
    _change(
        name, as_json, lambda one: f"{one.name}: deleted.", lambda session, one: server_list.delete(session, one.id)
    )


@click.command()
@server_option
@click.option("--name", "new_name", help="The new name.")
@click.option("--for-domain", "for_domains", multiple=True, metavar="DOMAIN", help="A From domain. Repeatable.")
@click.option("--for-application", "for_applications", multiple=True, metavar="NAME", help="Repeatable.")
@json_option
@with_appcontext
def assign(name: str | None, as_json: bool, new_name: str | None, **given: tuple[str, ...]) -> None:
    """Name a mail server, or have it send only for certain From domains and applications.

    A repeatable option replaces the whole list; an empty value clears it.
    """

    def change(session: Session, server: MailServer) -> MailServer:
        domains, identifiers = given["for_domains"], given["for_applications"]
        found = [find_application(session, one).identifier for one in identifiers if one]
        posted = MultiDict({"name": new_name if new_name is not None else server.name})
        posted["for_domains"] = "\n".join(domains or server.for_domains)
        posted.setlist("for_applications", found if identifiers else server.for_applications)
        form = AssignForm.of(server, applications.list_all(session), posted)
        require_valid(form, {"for_domains": "--for-domain", "for_applications": "--for-application"})
        wanted = (form.for_domains.data or [], form.for_applications.data or [])
        return server_list.assign(session, server.id, form.name.data, *wanted)

    _change(name, as_json, lambda one: f"{one.name}: changed.", change)


def _change(
    name: str | None,
    as_json: bool,
    done: Callable[[MailServer], str],
    change: Callable[[Session, MailServer], MailServer],
) -> None:
    """Change a mail server, and say what was done to which."""
    with changed_database() as database, database.transaction() as session, explained():
        changed = change(session, find(session, name))
        data, text = server_to_dict(changed), done(changed)
    print_result(data, as_json, text)


def _row(server: MailServer, names: dict[int, str], sent: deliveries.Deliveries) -> tuple[Any, ...]:
    return (
        server.name,
        _use(server, names),
        server.provider,
        server.host,
        moment(sent.sent_at),
        moment(sent.failing_since),
    )


def _use(server: MailServer, names: dict[int, str]) -> str:
    """Say what a server is for."""
    if server.is_draft:
        return f"draft of {names[server.replaces_id]}" if server.replaces_id else "draft"
    if server.is_dedicated:
        return f"for {', '.join([*server.for_domains, *server.for_applications])}"
    return f"fallback {server.position}" if server.position else "first"
