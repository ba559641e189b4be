"""`mailroom mail`: a mail server, a test email through it, other settings, one more server."""

from collections.abc import Callable, Mapping
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from webapp.accounts.models import Role, User, UserState
from webapp.cli.base import changed_database, open_database
from webapp.cli.mail_options import SECRET_OPTIONS, SettingsCommand, read_options, read_own_fields, server_options
from webapp.cli.mail_output import (
    expiry_to_dict,
    grant_to_dict,
    print_examination,
    print_server,
    server_to_dict,
    setting,
)
from webapp.cli.mail_revisions import restore, revisions
from webapp.cli.mail_server_options import CHANGED_MEANWHILE, COMMAND_LINE, explained, named, server_option
from webapp.cli.mail_servers import assign, copy, delete, list_servers, move, use
from webapp.cli.options import BadOptions, options, problems_of
from webapp.cli.output import json_option, print_json
from webapp.core import clock
from webapp.core.app_state import app_state
from webapp.core.database import Database
from webapp.core.sealing import CannotUnseal
from webapp.mail import servers, service
from webapp.mail.doctor.examination import Examination
from webapp.mail.doctor.report import to_data
from webapp.mail.doctor.service import examine
from webapp.mail.expiry import service as expiries
from webapp.mail.grants import service as grants
from webapp.mail.models import MailServer
from webapp.mail.server_page.form_state import FormResult, FormState
from webapp.mail.server_page.places import place_of
from webapp.mail.servers import EnteredServer
from webapp.mail.service import Saved
from webapp.monitoring.state import full_state
from webapp.providers.registry import get_providers

# Whose form it was: nobody entered it in a browser.
NO_USER = 0
to_option = click.option("--to", metavar="ADDRESS", help="Recipient. Default: the first administrator.")

saving_options = options(
    server_options,
    click.option("--draft", is_flag=True, help="Keep it as a draft, without using it."),
    click.option("--test", is_flag=True, help="Send a test email first; save only if it is accepted."),
    to_option,
    json_option,
)

mail = AppGroup("mail", help="See, test and change mail servers, and which of them are used.")
for command in (list_servers, copy, use, move, delete, assign, revisions, restore):
    mail.add_command(command)


@mail.command()
@server_option
@json_option
def show(name: str | None, as_json: bool) -> None:
    """Show a mail server and the state of delivery, without secrets."""
    with open_database() as database, database.read() as session:
        now, server = clock.now(), named(session, name)
        grant, draft = grants.get(session, server.id), servers.draft_of(session, server)
        expires = [one for one in expiries.of_all(session, now) if one.server_id == server.id]
        data = {
            **server_to_dict(server),
            "grant": grant_to_dict(grant) if grant else None,
            "expiry_dates": [expiry_to_dict(one) for one in expires],
            "draft": server_to_dict(draft) if draft else None,
            "state": full_state(session, now),
        }
    if as_json:
        print_json(data)
    else:
        print_server(data)


@mail.command()
@server_option
@to_option
@json_option
@click.pass_context
def test(context: click.Context, name: str | None, to: str | None, as_json: bool) -> None:
    """Send a test email through a mail server.

    The stages are shown and, if one failed, what that means and what to do. The exit code is 0 if the mail server
    accepted the email, 1 if it didn't.
    """
    with changed_database() as database:
        with database.read() as session:
            primary, server = servers.primary(session), named(session, name)
            recipient = to or first_administrator(session)
        result = form_over({"test_recipient": recipient}, primary, server).as_posted(for_test=True)
        tested = _send(require_valid(result), server, recipient)
    if as_json:
        print_json(to_data(tested))
    else:
        print_examination(tested, setting(name))
    context.exit(0 if tested.ok else 1)


@mail.command("set", cls=SettingsCommand)
@server_option
@saving_options
def set_server(name: str | None, **given: Any) -> None:
    """Change a mail server. What isn't given stays as it is.

    Settings that need an access token first are kept as a draft until it is generated. Some methods take a browser.
    """
    _set(lambda session: _to_change(session, name, given["provider"]), **given)


@mail.command(cls=SettingsCommand)
@saving_options
def add(**given: Any) -> None:
    """Add a mail server: the first one, or the last fallback."""
    _set(lambda _session: None, server_id=service.NEW, **given)


def _to_change(session: Session, name: str | None, provider: str | None) -> MailServer | None:
    """Return the server to change; None for the first one. Raises ClickException."""
    if name is None and provider is not None:
        return servers.primary(session)
    return named(session, name) if name is not None or servers.primary(session) is not None else None


def _set(
    find: Callable[[Session], MailServer | None],
    test: bool,
    draft: bool,
    to: str | None,
    as_json: bool,
    server_id: int | None = None,
    **given: Any,
) -> None:
    context, posted, own = click.get_current_context(), read_options(given), read_own_fields(given)
    with changed_database() as database:
        with database.read() as session:
            primary, shown = servers.primary(session), find(session)
            recipient = to or first_administrator(session)
        result = form_over({**own, **posted, "test_recipient": recipient}, primary, shown).as_posted(for_test=test)
        entered = require_valid(result, own)
        tested = _send(entered, shown, recipient) if test else None
        saved = None
        if tested is None or tested.ok:
            saved = _save(database, entered, result, shown.id if shown else server_id, draft)
    if as_json:
        print_json({**_saved_to_dict(saved), "test": to_data(tested) if tested else None})
    else:
        if tested is not None:
            print_examination(tested, setting(shown.name) if shown else f"mailroom mail {context.info_name}")
        click.echo(_outcome(saved))
    context.exit(0 if saved else 1)


def form_over(posted: Mapping[str, str], primary: MailServer | None, shown: MailServer | None) -> FormState:
    """Return the form of the page over the server that it shows, with what is given."""
    providers, sealer = get_providers(), app_state().sealer
    return FormState(MultiDict(posted), shown, primary, NO_USER, providers, sealer)


def require_valid(result: FormResult, own_fields: Mapping[str, str] = {}, recipient: str = "--to") -> EnteredServer:
    """Return what was entered. Raises BadOptions; `own_fields` are those of the provider that were given.

    `recipient` is the option for the recipient of a test email.
    """
    provider = result.form.chosen
    problems = {
        f"--field {name}": f"{provider.label} has no such field." for name in own_fields.keys() - provider.fields
    }
    names = SECRET_OPTIONS | {name: f"--field {name}" for name in provider.fields}
    if not result.valid:
        problems |= problems_of(result.form, {**names, "test_recipient": recipient})
    if problems or result.entered is None:
        raise BadOptions(problems)
    return result.entered


def first_administrator(session: Session) -> str:
    """Return the address of the first active administrator; empty if there is none yet."""
    administrators = select(User.email).where(User.role == Role.ADMINISTRATOR, User.state == UserState.ACTIVE)
    return session.scalar(administrators.order_by(User.id).limit(1)) or ""


def _send(entered: EnteredServer, saved: MailServer | None, recipient: str) -> Examination:
    """Send the test email. Raises ClickException."""
    click.echo(f"Sending a test email to {recipient} …", err=True)
    return run_check(entered, saved, recipient)


def run_check(entered: EnteredServer, saved: MailServer | None, recipient: str, sends: bool = True) -> Examination:
    """Check a mail server. Raises ClickException."""
    try:
        return examine(entered, saved, recipient, sends)
    except CannotUnseal as error:
        text = "A saved secret can't be decrypted with the current secret key. Enter it again with `mailroom mail set`."
        raise click.ClickException(text) from error


def _save(
    database: Database, entered: EnteredServer, result: FormResult, server_id: int | None, keep_draft: bool
) -> Saved:
    """Save the mail server. Raises ClickException."""
    try:
        with database.transaction() as session, explained():
            version, sealer = result.form.expected_version, app_state().sealer
            return service.save(session, sealer, entered, COMMAND_LINE, version, server_id, keep_draft)
    except service.SecretsRequired as error:
        raise click.ClickException(CHANGED_MEANWHILE) from error


def _saved_to_dict(saved: Saved | None) -> dict[str, Any]:
    return {
        "saved": saved is not None,
        "server": saved.server.name if saved else None,
        "unchanged": bool(saved and saved.unchanged),
        "draft": bool(saved and saved.is_draft),
        "works_without_more": bool(saved and saved.can_work),
        "discarded_access_token": bool(saved and saved.discarded_grant),
    }


def _outcome(saved: Saved | None) -> str:
    if saved is None:
        return "Nothing was saved."
    if saved.unchanged:
        return "Nothing was changed."
    parts = [f"Saved as the draft {saved.server.name}." if saved.is_draft else "Saved."]
    if saved.discarded_grant:
        parts.append("The access token was discarded, because it was generated for other settings.")
    if not saved.can_work:
        parts.append("It will be used once an access token is generated: see Settings → Mail servers.")
    elif not saved.is_draft:
        parts.append(place_of(saved.server))
    return " ".join(parts)
