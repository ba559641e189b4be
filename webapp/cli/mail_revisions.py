"""`mailroom mail revisions`, `restore`: the earlier settings of a mail server, and using them again."""

from typing import Any

import click
from flask.cli import with_appcontext

from webapp.cli.base import changed_database, open_database
from webapp.cli.mail_server_options import COMMAND_LINE, explained, find, server_option
from webapp.cli.output import json_option, moment, print_json_array, print_result, print_table
from webapp.core.app_state import app_state
from webapp.core.database import MAX_ID
from webapp.core.errors import NotFound
from webapp.core.sealing import CannotUnseal
from webapp.mail.models import MailServer
from webapp.mail.revisions import service
from webapp.mail.revisions.models import Revision
from webapp.mail.rollback.service import restore as restore_revision
from webapp.providers.registry import UnknownProvider

HEADER = ("number", "saved (UTC)", "by", "worked since (UTC)", "changed")


@click.command("revisions")
@server_option
@json_option
@with_appcontext
def revisions(name: str | None, as_json: bool) -> None:
    """List the revisions of a mail server, newest first: who changed which fields, and when."""
    with open_database() as database, database.read() as session:
        server = find(session, name)
        found = service.of_server(session, server.id)
    if as_json:
        print_json_array(_to_dict(one, server) for one in found)
    else:
        print_table(HEADER, map(_row, found))


@click.command()
@server_option
@click.argument("number", type=click.IntRange(1, MAX_ID))
@json_option
@with_appcontext
def restore(name: str | None, number: int, as_json: bool) -> None:
    """Use the settings of a revision again, with its secrets. What waits is tried at once."""
    try:
        with changed_database() as database, database.transaction() as session, explained():
            saved = restore_revision(session, app_state().sealer, find(session, name).id, number, COMMAND_LINE)
    except NotFound as error:
        raise click.ClickException(f"There is no revision {number}. See `mailroom mail revisions`.") from error
    except UnknownProvider as error:
        raise click.ClickException("Its plugin is missing or broken; see MAILROOM_PLUGIN_DIR.") from error
    except CannotUnseal as error:
        raise click.ClickException("Its secrets can't be decrypted with the current secret key.") from error
    data = {"server": saved.server.name, "draft": saved.is_draft, "works_without_more": saved.can_work}
    draft = f"A new access token is needed: kept as the draft {saved.server.name}."
    print_result(data, as_json, draft if saved.is_draft else f"{saved.server.name}: revision {number} is restored.")


def _to_dict(revision: Revision, server: MailServer) -> dict[str, Any]:
    return {
        "number": revision.number,
        "in_use": revision.number == server.revision,
        "created_at": revision.created_at,
        "created_by": revision.created_by,
        "changed": revision.changed,
        "restored_from": revision.restored_from,
        "worked_at": revision.worked_at,
        "settings": revision.fields,
    }


def _row(revision: Revision) -> tuple[object, ...]:
    restored = f"revision {revision.restored_from} restored: " if revision.restored_from else ""
    by = revision.created_by or "Mailroom"
    changed = restored + ", ".join(revision.changed)
    return revision.number, moment(revision.created_at), by, moment(revision.worked_at), changed
