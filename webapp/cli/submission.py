"""`mailroom submission`: the SMTP server."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import click

from webapp import create_app
from webapp.cli.base import upgraded_database
from webapp.cli.errors import CannotRun
from webapp.core.app_state import app_state_of
from webapp.core.config import Config
from webapp.process.listen_address import ListenAddress
from webapp.process.supervisor import Child
from webapp.submission import server

ADVICE = "Choose another address in MAILROOM_SUBMISSION."


@click.command()
@click.option("--socket", "numbers", multiple=True, type=int, hidden=True, help="Number of a socket that listens.")
def submission(numbers: tuple[int, ...]) -> None:
    """Run only the SMTP server for applications.

    It listens on the addresses in MAILROOM_SUBMISSION; `mailroom serve` runs it, too.
    """
    app = create_app()
    config = app_state_of(app).config
    if not config.submission_addresses:
        raise CannotRun("MAILROOM_SUBMISSION is not set. Give it an address such as 127.0.0.1:2525.")
    with ExitStack() as stack:
        if numbers:
            listeners = [stack.enter_context(socket.socket(fileno=number)) for number in numbers]
        else:
            listeners = stack.enter_context(listening(config))
            with app.app_context(), upgraded_database():
                pass
        server.serve(app, listeners)


@contextmanager
def listening(config: Config) -> Iterator[list[socket.socket]]:
    """Listen on the configured addresses. Raises AddressUnavailable, or ConfigError for the certificate."""
    server.load_certificate(config)
    with ExitStack() as stack:
        addresses = [ListenAddress(one.host, one.port, ADVICE) for one in config.submission_addresses]
        yield [stack.enter_context(address.listen()) for address in addresses]


def submission_children(listeners: list[socket.socket]) -> list[Child]:
    """Describe the process for the supervisor, if there is to be one."""
    return [Child("submission", ["submission"], sockets=listeners)] if listeners else []
