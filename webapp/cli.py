"""The `mailroom` command."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup, ScriptInfo
from sqlalchemy.exc import ArgumentError, OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from webapp import create_app
from webapp.accounts import audit_events, names
from webapp.accounts import service as accounts
from webapp.accounts.imports import command as import_command
from webapp.accounts.imports.formats import ENCODINGS
from webapp.accounts.models import Role
from webapp.accounts.passwords import hashing
from webapp.accounts.passwords import policy as password_policy
from webapp.accounts.passwords.policy import PasswordRejected
from webapp.accounts.service import AddressTaken
from webapp.accounts.users import administration, setup
from webapp.audit import service as audit
from webapp.core import schema
from webapp.core.app_state import app_state
from webapp.core.config import Config, ConfigError
from webapp.core.database import Database
from webapp.core.email_addresses import InvalidEmailAddress
from webapp.core.keys import rotation
from webapp.core.version import VERSION
from webapp.demo import launcher
from webapp.demo.launcher import DemoUnavailable
from webapp.process import worker as worker_process
from webapp.process.listen_address import AddressUnavailable, ListenAddress
from webapp.process.supervisor import Child, Supervisor, exit_with_supervisor
from webapp.process.web_server import serve_web
from webapp.providers.registry import InvalidPlugin
from webapp.settings import service as settings
from webapp.web.forms import text_error

DATABASE_HELP = "Check MAILROOM_DATABASE_URL, that the database is running, and that `mailroom upgrade` has been run."
host_option = click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
processes_option = click.option(
    "--processes", default=2, show_default=True, type=click.IntRange(1, 64), help="Number of web server processes."
)
threads_option = click.option(
    "--threads",
    default=32,
    show_default=True,
    type=click.IntRange(1, 256),
    help="Maximum threads per process.",
)
PORT_RANGE = click.IntRange(1, 65535)
port_option = click.option("--port", default=8000, show_default=True, type=PORT_RANGE, help="Port to listen on.")


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


@click.group(cls=Commands, context_settings={"max_content_width": 100})
@click.version_option(VERSION, message="mailroom %(version)s")
def main() -> None:
    """Mailroom sends an application's account email.

    It is configured with environment variables named MAILROOM_…; the README lists them.
    """
    # Files hold password hashes and email addresses, so only this user may read them.
    os.umask(0o077)
    exit_with_supervisor()


@main.command(with_appcontext=False)
@host_option
@port_option
@processes_option
@threads_option
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(0, 16),
    help="Number of worker processes, which send the messages in the outbox; 0 if other machines do.",
)
def serve(host: str, port: int, processes: int, threads: int, workers: int) -> None:
    """Run the web server and the workers on this machine."""
    address = ListenAddress(host, port)
    app = create_app()
    with address.listen() as listener:
        with app.app_context(), upgraded_database() as database, database.transaction() as session:
            app_state().keyring.locked(session)
            lines = welcome(session, address)
        children = web_children(listener, processes, threads)
        children += [Child("worker", ["worker"]) for _ in range(workers)]
        Supervisor(children).run(address.answers, lambda: echo(*lines))


@main.command(with_appcontext=False)
@click.option(
    "--threads",
    default=worker_process.THREADS,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Number of threads, which send messages and run jobs.",
)
def worker(threads: int) -> None:
    """Run only a worker, which sends the messages in the outbox."""
    worker_process.run(create_app(), threads)


@main.command()
def upgrade() -> None:
    """Upgrade the database schema."""
    with upgraded_database():
        pass
    echo("The database schema is up to date.")


@main.command("create-admin")
@click.argument("email")
@click.option("--name", default="", help="Name of the person. Default: the part of EMAIL before the @.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def create_admin(email: str, name: str, password_stdin: bool) -> None:
    """Create an administrator who can sign in immediately."""
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    # In a name, “ada.lovelace” would look like a domain.
    name = name.strip() or email.partition("@")[0].replace(".", " ")
    # The pages would refuse the same text, so nobody could enter it there.
    if wrong := text_error(name, most=names.MAX_NAME_LENGTH) or names.problem(name):
        raise click.ClickException(f"This name can't be used. {wrong}")
    try:
        if problem := text_error(password, secret=True):
            raise PasswordRejected(problem)
        with upgraded_database() as database:
            with database.read() as session:
                policy = password_policy.load(session, app_state().config)
            policy.check(password, email, name)
            password_hash = hashing.hash_password(password)
            with database.transaction() as session:
                created = administration.create_administrator(session, email, name, password_hash)
                audit.record(session, audit_events.ADMINISTRATOR_CREATED, created)
    except AddressTaken as error:
        raise click.ClickException(f"{email} already has an account.") from error
    except InvalidEmailAddress as error:
        raise click.ClickException(f"{email}: {error}") from error
    except PasswordRejected as error:
        raise click.ClickException(f"This password can't be used for {email}. {error}") from error
    echo(f"{email} can now sign in as an administrator.")


@main.group("users")
def users() -> None:
    """Look after users."""


@users.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--send-activation", is_flag=True, help="Send an activation email to everybody who is created.")
@click.option(
    "--role",
    default=Role.MEMBER.value,
    show_default=True,
    type=click.Choice([role.value for role in Role]),
    help="Role of those who have none in the file.",
)
@click.option("--encoding", type=click.Choice(list(ENCODINGS)), help="Encoding of the file. Default: it is detected.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@click.pass_context
def import_users(
    context: click.Context, file: Path, send_activation: bool, role: str, encoding: str | None, dry_run: bool
) -> None:
    """Create users from a CSV file with a column of email addresses.

    Columns for the name, the role and the language are found by their names. People who have an account are skipped.
    The exit code is 0 if everybody was created or skipped, 1 if some lines are bad, 2 if the import was not completed.
    """
    with upgraded_database() as database:
        context.exit(import_command.run(database, file, encoding or "", Role(role), send_activation, dry_run))


@main.command("rotate-keys")
@click.option("--drop-old", is_flag=True, help="Delete the old keys immediately; everyone has to sign in again.")
@click.option(
    "--drop-lost",
    is_flag=True,
    help="Delete keys that the secret key can't decrypt, and with them everything they encrypted.",
)
def rotate_keys(drop_old: bool, drop_lost: bool) -> None:
    """Encrypt and sign with a new key, and re-encrypt all saved secrets. Nothing has to be restarted."""
    with upgraded_database() as database:
        config, keyring = app_state().config, app_state().keyring
        if drop_lost:
            forgotten = rotation.forget_lost_keys(database, config)
            echo(f"Deleted keys that the secret key can't decrypt: {forgotten}.")
        outcome = rotation.rotate(database, config, keyring, drop_old)
    echo(*rotation_summary(outcome, config, drop_old))
    if not outcome.complete:
        raise click.ClickException("Not complete: no old key was deleted. Fix the above and run this command again.")


def rotation_summary(outcome: rotation.RotationResult, config: Config, dropped: bool) -> list[str]:
    """Say what a rotation did, and what is left to do."""
    lines = [f"Key {outcome.key} is now in use, in all processes."]
    lines += [f"Re-encrypted in {table}: {number}." for table, number in outcome.resealed.items()]
    lines += [f"Still encrypted with an old key: {row}" for row in outcome.left]
    lines += [f"Can't be decrypted with any key and has to be entered again: {row}" for row in outcome.lost]
    if outcome.complete and dropped:
        lines.append("All saved secrets use the new key. The old keys were deleted; everyone has to sign in again.")
    elif outcome.complete:
        lines.append("All saved secrets use the new key. Sessions and open forms still work with the old keys.")
    return [*lines, secret_key_hint(config)]


def secret_key_hint(config: Config) -> str:
    """Say what happened to the secret key, which encrypts the other keys."""
    if config.owns_secret_key:
        return f"The secret key in {config.secret_key_file} was replaced, too."
    if len(config.secret_keys) > 1:
        return "All keys are encrypted with the first secret key. Remove the others from MAILROOM_SECRET_KEY."
    return (
        "The secret key was not changed. To change it, set MAILROOM_SECRET_KEY to `new,old` for every process"
        " (a file is reread automatically) and run this command again."
    )


@main.command(with_appcontext=False)
@click.option("--port", type=PORT_RANGE, help="Port to listen on. Default: the first free port from 8000.")
def demo(port: int | None) -> None:
    """Run the demo, with sample accounts and an inbox that receives every email."""
    launcher.run(create_app, port, lambda listener: web_children(listener, processes=2, threads=32), echo)


@main.command(with_appcontext=False, hidden=True)
@threads_option
def web(threads: int) -> None:
    """Run one process of the web server, on the socket that is its standard input; `serve` starts it like this."""
    try:
        listener = socket.socket(fileno=sys.stdin.fileno())
    except OSError as error:
        raise CannotRun("Use `mailroom serve`: this command needs the socket that it opens.") from error
    serve_web(create_app(), listener, threads)


def web_children(listener: socket.socket, processes: int, threads: int) -> list[Child]:
    """Describe the processes of the web server for the supervisor."""
    return [Child("web", ["web", "--threads", str(threads)], listener=listener) for _ in range(processes)]


@contextmanager
def upgraded_database() -> Iterator[Database]:
    """Upgrade and yield the application's database; close its connections at the end."""
    database = app_state().database
    try:
        schema.upgrade(database)
        yield database
    finally:
        database.engine.dispose()


def welcome(session: Session, address: ListenAddress) -> list[str]:
    """Say where Mailroom is and, as long as there is no administrator, where to create one."""
    url = settings.general(session, app_state().config).public_url or address.url
    lines = [f"Mailroom is listening on {address.url}/"]
    if url != address.url:
        lines.append(f"Its public URL is {url}/")
    if not accounts.has_administrator(session):
        lines.append(f"Create the first administrator at {url}/setup?key={setup.new_setup_token(session)}")
    return lines


def echo(*lines: str) -> None:
    """Print lines and flush them, so that they appear even in a pipe."""
    for line in lines:
        click.echo(line)
    sys.stdout.flush()


if __name__ == "__main__":
    main(prog_name="mailroom")
