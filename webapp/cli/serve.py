"""`mailroom serve`, `worker`, `web` and `demo`: the processes."""

import socket
import sys

import click
from sqlalchemy.orm import Session

from webapp import create_app
from webapp.accounts import service as accounts
from webapp.accounts.users import setup
from webapp.cli.base import echo, upgraded_database
from webapp.cli.errors import CannotRun
from webapp.cli.submission import listening, submission_children
from webapp.core.app_state import app_state, app_state_of
from webapp.demo import launcher
from webapp.process import worker as worker_process
from webapp.process.listen_address import ListenAddress
from webapp.process.supervisor import Child, Supervisor
from webapp.process.web_server import serve_web
from webapp.settings import service as settings
from webapp.settings_file import watch as settings_file

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


@click.command()
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
    """Run Mailroom on this machine.

    That is the web server, the workers and, if it is configured, the SMTP server.
    """
    address = ListenAddress(host, port)
    app = create_app()
    with address.listen() as listener, listening(app_state_of(app).config) as submission_listeners:
        with app.app_context(), upgraded_database() as database:
            with database.transaction() as session:
                app_state().keyring.locked(session)
            settings_file.start(app_state())
            with database.transaction() as session:
                lines = welcome(session, address)
        children = web_children(listener, processes, threads)
        children += [Child("worker", ["worker"]) for _ in range(workers)]
        children += submission_children(submission_listeners)
        Supervisor(children).run(address.answers, lambda: echo(*lines))


@click.command()
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


@click.command()
@click.option("--port", type=PORT_RANGE, help="Port to listen on. Default: the first free port from 8000.")
def demo(port: int | None) -> None:
    """Run the demo, with accounts to try and an inbox.

    The inbox receives every email.
    """
    launcher.run(create_app, port, lambda listener: web_children(listener, processes=2, threads=32), echo)


@click.command(hidden=True)
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


def welcome(session: Session, address: ListenAddress) -> list[str]:
    """Say where Mailroom is and, as long as there is no administrator, where to create one."""
    url = settings.general(session, app_state().config).public_url or address.url
    lines = [f"Mailroom is listening on {address.url}/"]
    if url != address.url:
        lines.append(f"Its public URL is {url}/")
    if not accounts.has_administrator(session):
        lines.append(f"Create the first administrator at {url}/setup?key={setup.new_setup_token(session)}")
    return lines
