"""The group of all commands. Each module of commands is imported when one of its commands runs.

Importing the application takes a second or two, which `mailroom sendmail` and `mailroom --version` don't have.
"""

import json
from importlib import import_module
from typing import Any

import click
from flask import Flask
from flask.cli import AppGroup, ScriptInfo

from webapp import create_app
from webapp.core.config import Config

# Whether the command line asks for JSON, in the context's `meta`.
WANTS_JSON = "mailroom.json"
# The command for each name: the module beside this one, and its name in there.
COMMANDS = {
    "serve": "serve:serve",
    "worker": "serve:worker",
    "web": "serve:web",
    "demo": "serve:demo",
    "submission": "submission:submission",
    "sendmail": "sendmail:sendmail",
    "upgrade": "keys:upgrade",
    "rotate-keys": "keys:rotate_keys",
    "check-settings": "settings:check_settings",
    "settings": "settings:settings",
    "webhooks": "webhooks:webhooks",
    "status": "status:status",
    "mail": "mail:mail",
    "doctor": "doctor:doctor",
    "outbox": "outbox:outbox",
    "audit": "audit:audit",
    "create-admin": "create_admin:create_admin",
    "users": "users:users",
    "applications": "applications:applications",
}
# Those that may begin an installation, besides the ones that create the application themselves, such as `serve`. The
# others are for one that exists, and say so in a wrong folder.
BEGINNING = ("upgrade", "create-admin")


class Commands(AppGroup):
    """The group; reports errors in one line instead of a traceback.

    With --json, standard output gets them as well, as `{"error": …}`.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None if there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"webapp.cli.{module}"), name)
        return command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Create a context with our application, whatever FLASK_APP is set to."""
        extra.setdefault("obj", ScriptInfo(create_app=_create_app, set_debug_flag=False))
        return super().make_context(info_name, args, parent, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Remember whether JSON is wanted: the error may be that an option is wrong."""
        ctx.meta[WANTS_JSON] = "--json" in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Raises CannotRun and other ClickExceptions, which click prints."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            raise _also_as_json(ctx, error) from error.__cause__
        except (click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            # Only now, for the reason above.
            from webapp.cli.errors import explain

            explained = explain(error)
            if explained is None:
                raise
            raise _also_as_json(ctx, explained) from error


def _create_app() -> Flask:
    """Create the application for the command that runs. Raises ConfigError or InvalidPlugin."""
    if click.get_current_context().find_root().invoked_subcommand not in BEGINNING:
        Config.require_database()
    return create_app()


def _also_as_json(ctx: click.Context, error: click.ClickException) -> click.ClickException:
    """Print an error as JSON, too, if that is wanted."""
    if ctx.meta[WANTS_JSON]:
        click.echo(json.dumps({"error": error.format_message()}))
    return error
