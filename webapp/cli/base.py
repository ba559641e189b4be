"""What all commands share: the group that reports errors, the database, printing."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from flask.cli import AppGroup, ScriptInfo
from sqlalchemy.exc import ArgumentError, OperationalError, ProgrammingError

from webapp import create_app
from webapp.core import schema
from webapp.core.app_state import app_state
from webapp.core.config import ConfigError
from webapp.core.database import Database
from webapp.demo.launcher import DemoUnavailable
from webapp.process.listen_address import AddressUnavailable
from webapp.providers.registry import InvalidPlugin

DATABASE_HELP = "Check MAILROOM_DATABASE_URL, that the database is running, and that `mailroom upgrade` has been run."


class CannotRun(click.ClickException):
    """The reason why a command cannot run, in one line."""

    exit_code = 2


class Commands(AppGroup):
    """The command group; reports a wrong configuration in one line instead of a traceback."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Create a context with our application, whatever FLASK_APP is set to."""
        extra.setdefault("obj", ScriptInfo(create_app=create_app, set_debug_flag=False))
        return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Raises CannotRun, which click prints."""
        try:
            return super().invoke(ctx)
        except (ConfigError, InvalidPlugin, AddressUnavailable, DemoUnavailable) as error:
            raise CannotRun(str(error)) from error
        except ArgumentError as error:
            raise CannotRun(f"MAILROOM_DATABASE_URL: {summary(error)}") from error
        except (OperationalError, ProgrammingError) as error:
            raise CannotRun(f"The database cannot be used: {summary(error.orig)}. {DATABASE_HELP}") from error
        except OSError as error:
            if error.filename is None:
                raise
            raise CannotRun(f"{error.filename}: {error.strerror}.") from error


def summary(error: object) -> str:
    """Return the first line of an error message, without its full stop."""
    return str(error).strip().partition("\n")[0].rstrip(".")


@contextmanager
def upgraded_database() -> Iterator[Database]:
    """Upgrade and yield the application's database; close its connections at the end."""
    database = app_state().database
    try:
        schema.upgrade(database)
        yield database
    finally:
        database.engine.dispose()


def echo(*lines: str) -> None:
    """Print lines and flush them, so that they appear even in a pipe."""
    for line in lines:
        click.echo(line)
    sys.stdout.flush()
