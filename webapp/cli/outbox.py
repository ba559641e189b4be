"""`mailroom outbox`: list messages, show one, try again, cancel, send again."""

from collections.abc import Callable, Iterator
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from webapp.audit import service as audit
from webapp.cli.applications import find as find_application
from webapp.cli.base import changed_database, open_database
from webapp.cli.options import form_data, options, require_known, require_valid
from webapp.cli.outbox_output import HEADER, attempt_to_dict, handed_to_dict, print_story, to_dict, to_row
from webapp.cli.output import json_option, limit_option, print_csv, print_json, print_list, print_result
from webapp.core.app_state import app_state
from webapp.core.database import Database
from webapp.core.errors import NotFound
from webapp.mail.diagnosis.service import to_data
from webapp.outbox import audit_events, bulk, labels, listing, resend, service
from webapp.outbox.export import export_csv
from webapp.outbox.filters import StateFilter
from webapp.outbox.forms import FilterForm
from webapp.outbox.kinds import Unwanted, all_kinds
from webapp.outbox.models import Message
from webapp.outbox.resend import AlreadyOnItsWay, NotResendable
from webapp.outbox.service import NotRetryable, NotWaiting
from webapp.outbox.story import handed, story

# How many messages are read at a time.
CHUNK_SIZE = 500
outbox = AppGroup("outbox", help="What became of each message; try again, cancel.")
Change = Callable[[Session, int], Any]


# Those of the list's filter.
filters = options(
    click.option(
        "--state",
        type=click.Choice([state.value for state in StateFilter]),
        help="Default: all. waiting is queued or sending.",
    ),
    click.option("--address", help="An address, the beginning of one, or a domain after an @."),
    click.option("--kind", help="Type, such as activation or reset."),
    click.option("--since", metavar="DAY", help="First day (UTC), such as 2026-11-30."),
    click.option("--until", metavar="DAY", help="Last day (UTC)."),
    click.option("--application", metavar="NAME", help="The application, by its name or identifier."),
)


@outbox.command("list")
@filters
@limit_option
@json_option
def list_messages(limit: int | None, as_json: bool, **given: str | None) -> None:
    """List messages, newest first."""
    form = filter_form(given)
    with open_database() as database:
        print_list(_read(database, form), as_json, limit, HEADER, to_row, to_dict)


@outbox.command()
@click.argument("message_id", metavar="ID", type=int)
@json_option
def show(message_id: int, as_json: bool) -> None:
    """Show one message: its attempts, and what the mail server said."""
    with open_database() as database, database.read() as session:
        message = _get(session, message_id)
        found, diagnosis = story(session, message_id), service.diagnosis(session, message)
        email = handed(session, message)
        meaning = to_data(diagnosis) if diagnosis else None
    if as_json:
        attempts = [attempt_to_dict(message, one) for one in found.attempts]
        more = {"email": handed_to_dict(email) if email else None, "queue_id": found.queue_id or None}
        print_json({**to_dict(message), **more, "attempts": attempts, "diagnosis": meaning})
    else:
        print_story(message, found, email, meaning or {})


@outbox.command()
@click.argument("message_ids", metavar="[ID]...", nargs=-1, type=int)
@click.option("--all", "everything", is_flag=True, help="All that the filter shows, instead of IDs.")
@filters
@json_option
def retry(message_ids: tuple[int, ...], everything: bool, as_json: bool, **given: str | None) -> None:
    """Try waiting, failed or uncertain messages again now."""
    form = filter_form(given)
    _require_one_way(message_ids, everything, form)
    with changed_database() as database:
        if everything:
            number = bulk.retry_all(database, form.to_filter(), form.names())
        else:
            number = _change_each(database, message_ids, service.retry)
    print_result({"retried": number}, as_json, f"Messages retried: {number}")


@outbox.command()
@click.argument("message_ids", metavar="[ID]...", nargs=-1, type=int)
@click.option("--all", "everything", is_flag=True, help="All that the filter shows, instead of IDs.")
@click.option("--yes", is_flag=True, help="Don't ask before canceling all.")
@filters
@json_option
def cancel(message_ids: tuple[int, ...], everything: bool, yes: bool, as_json: bool, **given: str | None) -> None:
    """Cancel waiting messages."""
    form = filter_form(given)
    _require_one_way(message_ids, everything, form)
    with changed_database() as database:
        if everything:
            with database.read() as session:
                number = bulk.count_cancellable(session, form.to_filter())
            if number and not yes:
                click.confirm(f"Cancel {number} messages?", abort=True, err=True)
            number = bulk.cancel_all(database, form.to_filter(), form.names())
        else:
            number = _change_each(database, message_ids, service.cancel)
    print_result({"canceled": number}, as_json, f"Messages canceled: {number}")


@outbox.command("resend")
@click.argument("message_id", metavar="ID", type=int)
@json_option
def send_again(message_id: int, as_json: bool) -> None:
    """Send a message again, with a new link in place of the old one."""
    with changed_database() as database, database.transaction() as session:
        copy = _change(session, message_id, resend.resend)
    print_result({"id": copy}, as_json, f"Message {message_id} is sent again, as message {copy}.")


@outbox.command()
@filters
def export(**given: str | None) -> None:
    """Print all messages that the filter shows, as CSV."""
    form = filter_form(given)
    with changed_database() as database:
        with database.transaction() as session:
            audit.record(session, audit_events.OUTBOX_DOWNLOADED, filtered=form.names())
        print_csv(export_csv(database, form.to_filter()))


def filter_form(given: dict[str, str | None]) -> FilterForm:
    """Return the filter of the list. Raises BadOptions."""
    if given["application"]:
        with app_state().database.read() as session:
            given["application"] = str(find_application(session, given["application"]).id)
    if given["kind"]:
        require_known("--kind", [given["kind"]], (kind.name for kind in all_kinds()))
    form = FilterForm(formdata=form_data(given))
    require_valid(form)
    return form


def _read(database: Database, form: FilterForm) -> Iterator[Message]:
    """Yield the messages of the filter. No transaction stays open meanwhile: a pipe may be slow."""
    before: int | None = None
    while True:
        with database.read() as session:
            page = listing.find(session, form.to_filter(), before, CHUNK_SIZE)
        yield from page.messages
        before = page.older
        if before is None:
            return


def _require_one_way(message_ids: tuple[int, ...], everything: bool, form: FilterForm) -> None:
    if bool(message_ids) == everything:
        raise click.UsageError("Give the IDs of messages, or --all.")
    if form.names() and not everything:
        raise click.UsageError("Filters go with --all.")


def _change_each(database: Database, message_ids: tuple[int, ...], change: Change) -> int:
    """Change messages one by one, up to the first that can't be; return how many. Raises ClickException."""
    for message_id in message_ids:
        with database.transaction() as session:
            _change(session, message_id, change)
    return len(message_ids)


def _change(session: Session, message_id: int, change: Change) -> Any:
    """Change a message. Raises ClickException."""
    _get(session, message_id)
    try:
        return change(session, message_id)
    except Unwanted as error:
        problem = labels.describe_unwanted(error)
    except NotRetryable:
        problem = "Nothing to retry: it is being sent, is finished, or is too old."
    except NotWaiting:
        problem = "Nothing to cancel: it is being sent, is finished, or warns somebody."
    except AlreadyOnItsWay:
        problem = "An email of this type to this address is waiting already."
    except NotResendable:
        problem = "It can't be sent again: it still waits, was sent again before, or has no link."
    raise click.ClickException(f"Message {message_id}: {problem}")


def _get(session: Session, message_id: int) -> Message:
    """Return a message. Raises ClickException."""
    try:
        return service.get_message(session, message_id)
    except NotFound as error:
        raise click.ClickException(f"There is no message {message_id}.") from error
