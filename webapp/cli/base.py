"""What commands share: the database and printing."""

import getpass
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from webapp.core import schema
from webapp.core.actor import Actor, set_actor
from webapp.core.app_state import app_state
from webapp.core.database import Database


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
