"""Mailroom in separate processes, on a new database, with the sink as its mail server."""

import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, insert, select

from tests.bench.visitor import Visitor
from tests.support.browser import PASSWORD
from tests.support.running import clean
from tests.support.users import add_user
from webapp import create_app
from webapp.accounts.models import Role, User, UserState, searchable
from webapp.core import clock, schema
from webapp.core.app_state import app_state_of
from webapp.core.config import Config
from webapp.core.database import Database
from webapp.core.sealing import Sealer
from webapp.mail.grants.service import PURPOSES
from webapp.mail.models import Grant, GrantStatus, MailServer
from webapp.process.listen_address import ListenAddress
from webapp.settings import service as settings

PROCESSES, THREADS = 2, 32
# Users are added in batches.
BATCH = 10_000
SENDER = "mailroom@mailroom.example"


@dataclass(frozen=True)
class Site:
    """An installation in a folder."""

    config: Config
    database: Database

    @classmethod
    def prepared(cls, folder: Path, sink_port: int, **given: str | None) -> "Site":
        """Prepare a site with a public URL and a mail server; `given` are URLs of its database and its queue."""
        urls = {name: url for name, url in given.items() if url is not None}
        config = Config.complete(instance=folder, secret_key="a secret key for the bench", **urls)
        # The database of an application, whose transactions wake the worker.
        site = cls(config, app_state_of(create_app(config)).database)
        schema.upgrade(site.database)
        with site.database.transaction() as session:
            settings.save_general(session, "https://mailroom.example", "Mailroom", "")
            session.add(mail_server(sink_port))
        return site

    def add_people(self, number: int) -> list[str]:
        """Add users and return their addresses."""
        addresses = [f"person{index}@mailroom.example" for index in range(number)]
        for address in addresses:
            add_user(self.database, address)
        return addresses

    def signed_in(self, port: int, role: Role) -> Visitor:
        """Return a signed-in user with this role, added before."""
        address = f"{role}@mailroom.example"
        add_user(self.database, address, role)
        visitor = Visitor(port)
        visitor.send("/login", {**visitor.fields("/login"), "email": address, "password": PASSWORD})
        visitor.get("/")
        return visitor

    def sign_in_by(self, authentication: str) -> None:
        """Authenticate to the mail server with a password, or with an access token that is valid for an hour."""
        sealer = app_state_of(create_app(self.config)).sealer
        with self.database.transaction() as session:
            server = session.scalars(select(MailServer)).one()
            sealed = sealer.seal("a password", "mail_server.password")
            server.sealed_secrets = {"password": {"sealed": sealed, "saved_at": "2026-11-23"}}
            server.authentication, server.username, server.updated_at = authentication, SENDER, clock.now()
            session.execute(delete(Grant))
            if authentication != "password":
                session.add(_grant(server, sealer))

    def grow_to(self, people: int) -> None:
        """Add users until there are this many; nobody signs in as one of them."""
        with self.database.transaction() as session:
            first = session.scalars(select(func.count()).select_from(User)).one()
            for start in range(first, people, BATCH):
                session.execute(insert(User), [_somebody(index) for index in range(start, min(people, start + BATCH))])

    def pending(self, number: int) -> list[User]:
        """Return so many users who haven't activated their accounts, added if need be."""
        self.grow_to(number)
        with self.database.read() as session:
            pending = select(User).where(User.state == UserState.PENDING).order_by(User.id).limit(number)
            return list(session.scalars(pending))

    @contextmanager
    def web(self) -> Iterator[int]:
        """Run the web server as `mailroom serve` does, and yield its port."""
        with web_processes([sys.executable, "-m", "webapp.cli", "web", "--threads"], self.environ) as port:
            yield port

    @contextmanager
    def worker(self) -> Iterator[None]:
        """Run the worker."""
        with running([sys.executable, "-m", "webapp.cli", "worker"], self.environ):
            yield

    @property
    def environ(self) -> dict[str, str]:
        """The environment of its processes."""
        return {
            "MAILROOM_INSTANCE": str(self.config.instance),
            "MAILROOM_SECRET_KEY": self.config.secret_key,
            "MAILROOM_DATABASE_URL": self.config.database_url,
            "MAILROOM_QUEUE_URL": self.config.queue_url,
            "MAILROOM_RATE_LIMITS": "off",
        }


@contextmanager
def bare_page() -> Iterator[int]:
    """Run the page to compare with under the same web server, and yield its port."""
    with web_processes([sys.executable, "-m", "tests.bench.bare"], {}) as port:
        yield port


@contextmanager
def web_processes(command: list[str], environ: dict[str, str]) -> Iterator[int]:
    """Run the processes of a web server, as the supervisor does, until the end of the block; yield their port."""
    with ExitStack() as stack:
        listener = stack.enter_context(ListenAddress(port=0).listen())
        for _ in range(PROCESSES):
            stack.enter_context(running([*command, str(THREADS)], environ, listener))
        port = listener.getsockname()[1]
        _wait_for(port)
        yield port


@contextmanager
def running(command: list[str], environ: dict[str, str], listener: socket.socket | None = None) -> Iterator[None]:
    """Run a command until the end of the block and discard its log."""
    given = listener.fileno() if listener else subprocess.DEVNULL
    with subprocess.Popen(command, env=clean(environ), stdin=given, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


def _somebody(index: int) -> dict[str, Any]:
    email = f"somebody{index}@mailroom.example"
    name = f"Somebody {index}" if index % 200 else f"Smith {index}"
    return {
        "email": email,
        "email_key": email,
        "name": name,
        "search_text": searchable(name, email),
        "role": Role.MEMBER,
        "state": UserState.PENDING,
        "created_at": clock.now(),
    }


def _wait_for(port: int, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not _answers(port):
        if time.monotonic() > deadline:
            raise TimeoutError(f"no page on port {port} after {seconds} s")
        time.sleep(0.05)


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/login")
        return connection.getresponse().status == HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def _grant(server: MailServer, sealer: Sealer) -> Grant:
    """Return a grant with a token as long as Microsoft's."""
    return Grant(
        mail_server_id=server.id,
        grant_type=server.authentication,
        status=GrantStatus.GENERATED,
        sealed_access_token=sealer.seal(secrets.token_urlsafe(1500), PURPOSES["sealed_access_token"]),
        granted_at=clock.now(),
        last_refresh_at=clock.now(),
        access_expires_at=clock.now() + timedelta(hours=1),
    )


def mail_server(port: int, position: int = 0) -> MailServer:
    """Return a server on loopback, without encryption or authentication."""
    return MailServer(
        position=position,
        name=f"Custom {position}",
        provider="custom",
        mail_from=SENDER,
        host="127.0.0.1",
        port=port,
        security="none",
        sealed_secrets={},
        updated_at=clock.now(),
    )
