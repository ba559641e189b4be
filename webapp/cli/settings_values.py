"""`mailroom settings show` and `set`: the general and the security settings, by the names of the settings file."""

from dataclasses import asdict, fields
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from webapp.cli.base import changed_database, echo, open_database
from webapp.cli.options import require_valid
from webapp.cli.output import json_option, print_fields, print_json, to_json
from webapp.core.app_state import app_state
from webapp.core.config import Config
from webapp.settings import declared, service
from webapp.settings.forms import GeneralForm, SecurityForm, as_posted, field_of, with_partners
from webapp.settings.service import General, SecurityPolicy
from webapp.web.forms import Form

GENERAL, SECURITY = ([one.name for one in fields(kind)] for kind in (General, SecurityPolicy))
# They become commands of the group `settings`.
actions = AppGroup()


@actions.command()
@click.argument("name", required=False, type=click.Choice([*GENERAL, *SECURITY]), metavar="[NAME]")
@json_option
def show(name: str | None, as_json: bool) -> None:
    """Show the general and the security settings, or one."""
    with open_database() as database, database.read() as session:
        general, security = asdict(service.general(session, app_state().config)), asdict(service.security(session))
        in_file = sorted(
            name for table in (declared.GENERAL, declared.SECURITY) for name in declared.fields(session, table)
        )
    if name is not None:
        value = (general | security)[name]
        echo(to_json({name: value}) if as_json else str(_readable(value)))
    elif as_json:
        print_json({"general": general, "security": security, "set_in_file": in_file})
    else:
        print_fields([(key, _readable(value)) for key, value in (general | security).items()])
        if in_file:
            echo(f"\nThe settings file sets {', '.join(in_file)}.")


@actions.command("set")
@click.argument("name", type=click.Choice([*GENERAL, *SECURITY]), metavar="NAME")
@click.argument("value")
@json_option
def set_value(name: str, value: str, as_json: bool) -> None:
    """Change one of the settings that `mailroom settings show` lists."""
    with changed_database() as database, database.transaction() as session:
        saved = _save_general(session, name, value) if name in GENERAL else _save_security(session, name, value)
    if as_json:
        print_json({name: saved})
    else:
        echo(f"{name}: {_readable(saved)}")


def _save_general(session: Session, name: str, value: str) -> Any:
    """Save a general setting and return its value. Raises BadOptions, ClickException, SetInFile."""
    if name == "public_url" and app_state().config.public_url:
        raise click.ClickException("MAILROOM_PUBLIC_URL sets the public URL: change it there.")
    if name in ("send_to", "send_to_domains") and app_state().config.send_only_to:
        raise click.ClickException("MAILROOM_SEND_ONLY_TO says who gets email: change it there.")
    # Without what the environment sets.
    saved = asdict(service.general(session, Config()))
    posted = with_partners(MultiDict({name: value}), saved)
    form = GeneralForm(formdata=posted)
    for other in GENERAL:
        if other not in posted:
            delattr(form, other)
    _require_valid(form)
    service.save_general(session, **saved | {name: form[name].data})
    return form[name].data


def _save_security(session: Session, name: str, value: str) -> Any:
    """Save a security setting and return its value. Raises BadOptions, SetInFile."""
    policy = service.security(session)
    if isinstance(getattr(policy, name), bool):
        value = str(click.BOOL.convert(value, None, None)).lower()
    # With the others as they are, because some limits depend on each other.
    form = SecurityForm(formdata=MultiDict(as_posted(policy) | {field_of(name): value}))
    _require_valid(form)
    service.save_security(session, form.to_policy())
    return getattr(form.to_policy(), name)


def _require_valid(form: Form) -> None:
    """Check a form. Raises BadOptions, with the names of the settings."""
    require_valid(form, {field_of(name): name for name in (*GENERAL, *SECURITY)})


def _readable(value: object) -> object:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else value
