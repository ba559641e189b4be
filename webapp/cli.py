"""The command line: `mailroom`."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from flask.cli import AppGroup, ScriptInfo
from sqlalchemy.exc import ArgumentError, OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from webapp import create_app
from webapp.accounts import events
from webapp.accounts import service as accounts
from webapp.accounts.fields import MAX_NAME_LENGTH
from webapp.accounts.passwords import hashing
from webapp.accounts.passwords import policy as password_rules
from webapp.accounts.passwords.policy import PasswordRejected
from webapp.accounts.service import AddressTaken
from webapp.accounts.users import administration, setup
from webapp.audit import service as audit
from webapp.core import logs, schema
from webapp.core.app_state import app_state
from webapp.core.config import Config, ConfigError
from webapp.core.database import Database
from webapp.core.email_addresses import InvalidEmailAddress
from webapp.core.keys import rotation
from webapp.process import worker as worker_process
from webapp.process.supervisor import Child, Supervisor, follow_supervisor
from webapp.process.web_server import AddressUnavailable, ListenAddress, serve_web
from webapp.providers.registry import InvalidPlugin
from webapp.settings import service as settings
from webapp.web.forms import text_problem

DATABASE_HELP = "Check MAILROOM_DATABASE_URL, and that the database runs and `mailroom upgrade` was run."
host_option = click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
processes_option = click.option(
    "--processes", default=2, show_default=True, type=click.IntRange(1, 64), help="Processes that answer requests."
)
threads_option = click.option(
    "--threads", default=16, show_default=True, type=click.IntRange(1, 256), help="Most threads in each process."
)
PORT = click.IntRange(1, 65535)
port_option = click.option("--port", default=8000, show_default=True, type=PORT, help="Port to listen on.")


class Unable(click.ClickException):
    """What keeps a command from running, in one line."""

    exit_code = 2


class Commands(AppGroup):
    """The group; tells what is misconfigured in one line rather than a traceback."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """A context with our application, whatever FLASK_APP says."""
        extra.setdefault("obj", ScriptInfo(create_app=create_app, set_debug_flag=False))
        return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Raises Unable, which click shows."""
        try:
            return super().invoke(ctx)
        except (ConfigError, InvalidPlugin, AddressUnavailable) as error:
            raise Unable(str(error)) from error
        except ArgumentError as error:
            raise Unable(f"MAILROOM_DATABASE_URL: {summary(error)}") from error
        except (OperationalError, ProgrammingError) as error:
            raise Unable(f"The database cannot be used: {summary(error.orig)}. {DATABASE_HELP}") from error
        except OSError as error:
            if error.filename is None:
                raise
            raise Unable(f"{error.filename}: {error.strerror}.") from error


def summary(error: object) -> str:
    """The first line of an error's text, without a full stop."""
    return str(error).strip().partition("\n")[0].rstrip(".")


@click.group(cls=Commands, context_settings={"max_content_width": 100})
def main() -> None:
    """Mailroom sends an application's account mail.

    Settings come from environment variables named MAILROOM_…; the README lists them.
    """
    # What is written holds password hashes and addresses: for our own eyes only.
    os.umask(0o077)
    follow_supervisor()


@main.command(with_appcontext=False)
@host_option
@port_option
@processes_option
@threads_option
def serve(host: str, port: int, processes: int, threads: int) -> None:
    """Run the web server and the worker on this machine."""
    address = ListenAddress(host, port)
    app = create_app()
    address.check()
    with app.app_context(), upgraded_database() as database, database.transaction() as session:
        app_state().keyring.held(session)
        lines = welcome(session, address)
    Supervisor(
        [web_child(address, processes, threads), Child("worker", ["worker"])],
    ).run(address.answers, lambda: echo(*lines))


@main.command(with_appcontext=False)
def worker() -> None:
    """Run the worker alone: it sends what is owed."""
    worker_process.run(create_app())


@main.command()
def upgrade() -> None:
    """Bring the database to the newest schema."""
    with upgraded_database():
        pass
    echo("The database has the newest schema.")


@main.command("create-admin")
@click.argument("email")
@click.option("--name", default="", help="The person's name; the part before the @ when left out.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input; asks for it otherwise.")
def create_admin(email: str, name: str, password_stdin: bool) -> None:
    """Create an administrator who can sign in at once."""
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else asked_password()
    name = name.strip() or email.partition("@")[0]
    # What the pages refuse could be created here, and never be typed there.
    if problem := text_problem(name, most=MAX_NAME_LENGTH):
        raise click.ClickException(f"The name cannot be used. {problem}")
    try:
        if problem := text_problem(password, secret=True):
            raise PasswordRejected(problem)
        with upgraded_database() as database:
            with database.read() as session:
                rules = password_rules.current(session, app_state().config)
            rules.check(password, email, name)
            password_hash = hashing.hash_password(password)
            with database.transaction() as session:
                created = administration.create_administrator(session, email, name, password_hash)
                audit.record(session, events.ADMINISTRATOR_CREATED, created)
    except AddressTaken as error:
        raise click.ClickException(f"{email} already has an account.") from error
    except InvalidEmailAddress as error:
        raise click.ClickException(f"{email}: {error}") from error
    except PasswordRejected as error:
        raise click.ClickException(f"The password for {email} cannot be used. {error}") from error
    echo(f"{email} can sign in as administrator.")


@main.command("rotate-keys")
@click.option("--drop-old", is_flag=True, help="Forget the earlier keys at once: everybody has to sign in again.")
@click.option("--drop-lost", is_flag=True, help="Forget keys that the secret key does not open, with all they sealed.")
def rotate_keys(drop_old: bool, drop_lost: bool) -> None:
    """Seal and sign with a new key from now on, and seal all that is saved anew. Nothing has to be restarted."""
    with upgraded_database() as database:
        config, keyring = app_state().config, app_state().keyring
        if drop_lost:
            forgotten = rotation.forget_lost_keys(database, config)
            echo(f"Keys forgotten because the secret key does not open them: {forgotten}.")
        outcome = rotation.rotate(database, config, keyring, drop_old)
    echo(*rotated(outcome, config, drop_old))
    if not outcome.complete:
        raise click.ClickException("Not complete: no earlier key was dropped. Mend the above and run it again.")


def rotated(outcome: rotation.RotationResult, config: Config, dropped: bool) -> list[str]:
    """What a rotation did, and what is left to do."""
    lines = [f"Key {outcome.key} is in force, in every process at once."]
    lines += [f"Sealed anew in {table}: {number}." for table, number in outcome.resealed.items()]
    lines += [f"Opens only with an earlier key: {row}" for row in outcome.left]
    lines += [f"No key opens it; it stays as it is, and has to be typed again: {row}" for row in outcome.lost]
    if outcome.complete and dropped:
        lines.append("Everything that is sealed opens with it. The earlier keys are gone; people sign in again.")
    elif outcome.complete:
        lines.append("Everything that is sealed opens with it. Earlier keys still open sessions and forms.")
    return [*lines, secret_key_state(config)]


def secret_key_state(config: Config) -> str:
    """What became of the secret key, which seals the others."""
    if config.owns_secret_key:
        return f"The secret key in {config.secret_key_file} is new, too."
    if len(config.secret_keys) > 1:
        return "All keys are sealed under the first secret key. Take the others out of MAILROOM_SECRET_KEY."
    return (
        "The secret key is as it was. To change it, put a new one and a comma before it in every process"
        " (a file is read again by itself), and run this command again."
    )


@main.command(with_appcontext=False)
@click.option("--port", type=PORT, help="Port to listen on; the first free one from 8000 when left out.")
def demo(port: int | None) -> None:
    """Run the demo: everything, with accounts to try and an inbox that catches all mail."""
    from webapp.demo import launcher

    launcher.demo(port, lambda address: web_child(address, processes=2, threads=16), echo)


@main.command(with_appcontext=False, hidden=True)
@host_option
@port_option
@processes_option
@threads_option
def web(host: str, port: int, processes: int, threads: int) -> None:
    """Run the web server alone, as `serve` does."""
    logs.configure(Config.from_environment())
    serve_web(ListenAddress(host, port), processes, threads)


@main.command(with_appcontext=False, hidden=True)
@click.option("--port", required=True, type=PORT)
def inbox(port: int) -> None:
    """Run the demo's mail server alone."""
    from webapp.demo import smtp_server

    config = Config.from_environment()
    logs.configure(config)
    smtp_server.serve(config, port)


def web_child(address: ListenAddress, processes: int, threads: int) -> Child:
    """The web server, as a program for the supervisor."""
    arguments = ["web", "--host", address.host, "--port", str(address.port)]
    return Child("web", [*arguments, "--processes", str(processes), "--threads", str(threads)])


@contextmanager
def upgraded_database() -> Iterator[Database]:
    """The application's database with the newest schema; its connections are closed at the end."""
    database = app_state().database
    try:
        schema.upgrade(database)
        yield database
    finally:
        database.engine.dispose()


def welcome(session: Session, address: ListenAddress) -> list[str]:
    """What to tell at the start: where Mailroom is and, while there is no administrator, how to become it."""
    url = settings.general(session, app_state().config).public_url or address.url
    lines = [f"Mailroom listens on {address.url}/"]
    if url != address.url:
        lines.append(f"Its public address is {url}/")
    if not accounts.has_administrator(session):
        lines.append(f"Create the first administrator at {url}/setup?key={setup.new_setup_token(session)}")
    return lines


def asked_password() -> str:
    """A password typed twice at the terminal."""
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def echo(*lines: str) -> None:
    """Print lines at once, also into a pipe."""
    for line in lines:
        click.echo(line)
    sys.stdout.flush()


if __name__ == "__main__":
    main(prog_name="mailroom")
