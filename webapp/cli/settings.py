"""`mailroom check-settings` and `mailroom settings`: the settings file."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from flask.cli import AppGroup, with_appcontext

from webapp import create_app
from webapp.cli.base import echo, upgraded_database
from webapp.cli.errors import CannotRun
from webapp.cli.output import clean, json_option, print_json
from webapp.cli.settings_values import actions
from webapp.core.app_state import app_state
from webapp.core.config import PREFIX, Config, new_secret_key
from webapp.settings_file import document, export, service
from webapp.settings_file.document import InvalidSettingsFile, Problem

settings = AppGroup("settings", help="General and security settings, and the settings file.")
for action in actions.commands.values():
    settings.add_command(action)


@click.command("check-settings")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@json_option
@click.pass_context
def check_settings(context: click.Context, file: Path | None, as_json: bool) -> None:
    """Check a settings file.

    Default: the one that MAILROOM_SETTINGS names. Prints every error with its line, and checks that the files and
    variables with secrets are there. Nothing is saved, and no database is needed: the file is checked as for a new
    installation. The exit code is 0 if it is right, and 2 if it isn't.
    """
    path = file or Path(os.environ.get(f"{PREFIX}SETTINGS", ""))
    if not path.name:
        raise CannotRun("Name a file, or set MAILROOM_SETTINGS.")
    found = problems_of(path)
    if as_json:
        errors = [{"line": one.line, "key": one.key, "error": one.text} for one in found]
        print_json({"valid": not found, "errors": errors})
    else:
        echo(*([clean(f"{path}: {one}") for one in found] or [f"{path} is right."]))
    context.exit(2 if found else 0)


@settings.command("export")
@with_appcontext
def export_settings() -> None:
    """Print the present settings as a settings file.

    Secrets are placeholders in it.
    """
    with upgraded_database() as database, database.read() as session:
        echo(export.export(session).rstrip("\n"))


def problems_of(path: Path) -> list[Problem]:
    """Return what is wrong with a file: it is applied to the database of an installation that is gone afterwards."""
    with TemporaryDirectory(prefix="mailroom-check-") as folder:
        plugins = os.environ.get(f"{PREFIX}PLUGIN_DIR", "")
        app = create_app(Config.complete(instance=Path(folder), secret_key=new_secret_key(), plugin_dir=plugins))
        with app.app_context(), upgraded_database():
            try:
                service.check_document(app_state(), document.read(path))
            except InvalidSettingsFile as error:
                return error.problems
    return []
