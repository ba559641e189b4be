"""Why a command did nothing, in one line instead of a traceback."""

import click
from sqlalchemy.exc import ArgumentError, OperationalError, ProgrammingError

from webapp.core.config import ConfigError
from webapp.core.errors import MailroomError
from webapp.process.listen_address import AddressUnavailable
from webapp.providers.registry import InvalidPlugin

DATABASE_HELP = "Check MAILROOM_DATABASE_URL, that the database is running, and that `mailroom upgrade` has been run."


class CannotRun(click.ClickException):
    """The reason why a command cannot run, in one line."""

    exit_code = 2


def explain(error: Exception) -> click.ClickException | None:
    """Return an error as click prints it; None if there is no explanation for it."""
    match error:
        case ConfigError() | InvalidPlugin() | AddressUnavailable():
            return CannotRun(str(error))
        case ArgumentError():
            return CannotRun(f"MAILROOM_DATABASE_URL: {summary(error)}")
        case OperationalError() | ProgrammingError():
            return CannotRun(f"The database cannot be used: {summary(error.orig)}. {DATABASE_HELP}")
        case OSError() if error.filename is not None:
            return CannotRun(f"{error.filename}: {error.strerror}.")
        case UnicodeError():
            return CannotRun("A text that was given, or a file, is not UTF-8.")
        case MailroomError():
            return click.ClickException(str(error) or type(error).__name__)
    return None


def summary(error: object) -> str:
    """Return the first line of an error message, without its full stop."""
    return str(error).strip().partition("\n")[0].rstrip(".")
