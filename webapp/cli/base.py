"""What all commands share: the group that reports errors, the database, printing."""

import getpass
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from flask.cli import AppGroup, ScriptInfo
from sqlalchemy.exc import ArgumentError, OperationalError, ProgrammingError

from webapp import create_app
from webapp.cli.output import to_json
from webapp.core import schema
from webapp.core.actor import Actor, set_actor
from webapp.core.app_state import app_state
from webapp.core.config import ConfigError
from webapp.core.database import Database
from webapp.core.errors import MailroomError
from webapp.demo.launcher import DemoUnavailable
from webapp.process.listen_address import AddressUnavailable
from webapp.providers.registry import InvalidPlugin

DATABASE_HELP = "Check MAILROOM_DATABASE_URL, that the database is running, and that `mailroom upgrade` has been run."


# Whether the command line asks for JSON, in the context's `meta`.
WANTS_JSON = "mailroom.json"


class CannotRun(click.ClickException):
    """The reason why a command cannot run, in one line."""

    exit_code = 2


class Commands(AppGroup):
    """The command group; reports errors in one line instead of a traceback.

    With --json, standard output gets them as well, as `{"error": …}`.
    """

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Create a context with our application, whatever FLASK_APP is set to."""
        extra.setdefault("obj", ScriptInfo(create_app=create_app, set_debug_flag=False))
        return super().make_context(info_name, args, parent, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Remember whether JSON is wanted: the error may be that an option is wrong."""
        ctx.meta[WANTS_JSON] = "--json" in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Raises CannotRun and other ClickExceptions, which click prints."""
        try:
            with reported():
                return super().invoke(ctx)
        except click.ClickException as error:
            if ctx.meta[WANTS_JSON]:
                echo(to_json({"error": error.format_message()}))
            raise


@contextmanager
def reported() -> Iterator[None]:
    """Turn errors that have an explanation into ClickExceptions."""
    try:
        yield
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
    except MailroomError as error:
        raise click.ClickException(str(error) or type(error).__name__) from error


def summary(error: object) -> str:
    """Return the first line of an error message, without its full stop."""
    return str(error).strip().partition("\n")[0].rstrip(".")


@contextmanager
def open_database() -> Iterator[Database]:
    """Yield the application's database, for commands that only read; close its connections at the end."""
    database = app_state().database
    try:
        yield database
    finally:
        database.engine.dispose()


@contextmanager
def upgraded_database() -> Iterator[Database]:
    """Upgrade the application's database and yield it."""
    with open_database() as database:
        schema.upgrade(database)
        yield database


@contextmanager
def changed_database() -> Iterator[Database]:
    """Yield the upgraded database, for a command that changes something, which the audit trail then names."""
    set_actor(Actor(user_agent=command_and_user()))
    logger = logging.getLogger("mailroom")
    level = logger.level
    # The command says itself what it did.
    logger.setLevel(logging.WARNING)
    try:
        with upgraded_database() as database:
            yield database
    finally:
        logger.setLevel(level)


def command_and_user() -> str:
    """Return what the audit trail says of the command that runs: `mailroom users add (ada)`."""
    command = click.get_current_context().command_path.partition(" ")[2]
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        # In containers, the user may have no name.
        user = str(os.getuid())
    return f"mailroom {command} ({user})"


def echo(*lines: str) -> None:
    """Print lines and flush them, so that they appear even in a pipe."""
    for line in lines:
        click.echo(line)
    sys.stdout.flush()
