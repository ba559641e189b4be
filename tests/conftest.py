"""Fixtures for all tests: databases, an application, users with browsers, mail servers."""

import gc
import logging
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

# Its plugin would import it at the end of a run, where Python before 3.11.8 may fail to build a syntax tree:
# https://github.com/python/cpython/issues/106905.
import hypothesis  # noqa: F401
import pytest
from argon2 import PasswordHasher
from flask import Flask
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import event, select
from sqlalchemy.pool import Pool

from tests.support.browser import Browser
from tests.support.certificates import Authority
from tests.support.dns_server import NameServer
from tests.support.inbox import Inbox, running_inbox
from tests.support.postgresql import PostgreSQL, running_postgresql
from tests.support.scripted import ScriptedServer
from tests.support.users import add_user
from webapp import create_app
from webapp.accounts.models import Role
from webapp.accounts.passwords import hashing
from webapp.core import clock, schema, sockets
from webapp.core.app_state import AppState, app_state_of
from webapp.core.config import Config
from webapp.core.database import Database
from webapp.core.queue import get_queue
from webapp.mail.models import MailServer
from webapp.outbox import service as outbox
from webapp.outbox.delivery import deliver_due
from webapp.outbox.models import Message
from webapp.settings.models import GeneralSettings

Enqueue = Callable[..., int]
GetMessage = Callable[[int], Message]

PUBLIC_URL = "https://mailroom.example"


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers."""
    config.addinivalue_line(
        "markers", "one_database: the tested behaviour does not depend on the database, so SQLite is enough."
    )


def pytest_collection_finish() -> None:
    """Look for garbage less often, and not in what was imported: that took a fifth of the time of most tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(700, 10, 100)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables that tests recorded with `record_property("table", …)`."""
    reports = [one for outcome in ("passed", "failed") for one in terminalreporter.stats.get(outcome, ())]
    tables = [str(value) for one in reports for name, value in one.user_properties if name == "table"]
    if tables:
        terminalreporter.section("cause → detected cause")
        terminalreporter.write("\n".join([*tables, ""]))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests that use a database on SQLite and PostgreSQL, unless they are marked `one_database`."""
    if "database_kind" in metafunc.fixturenames:
        one = metafunc.definition.get_closest_marker("one_database")
        metafunc.parametrize("database_kind", ["sqlite"] if one else ["sqlite", "postgresql"])


@pytest.fixture(scope="session", autouse=True)
def authority() -> Iterator[Authority]:
    """A certificate authority that this test run trusts, including its subprocesses."""
    with Authority.believed() as authority:
        yield authority


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> None:
    """Hash passwords in no time."""
    hashing.use_hasher(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture(scope="session", autouse=True)
def _sqlite_without_sync() -> Iterator[None]:
    """Let SQLite leave it to the operating system when to write to disk, as test data need not survive a crash."""
    event.listen(Pool, "checkout", _do_not_sync)
    yield
    event.remove(Pool, "checkout", _do_not_sync)


@pytest.fixture
def sqlite_with_sync() -> Iterator[None]:
    """Use SQLite as in production."""
    event.remove(Pool, "checkout", _do_not_sync)
    yield
    event.listen(Pool, "checkout", _do_not_sync)


def _do_not_sync(connection: Any, _record: Any, _proxy: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=OFF")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL server, started when the first test needs it."""
    with running_postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database file with the current schema."""
    path = tmp_path_factory.mktemp("sqlite") / "migrated.sqlite"
    database = Database(f"sqlite:///{path}")
    schema.upgrade(database)
    database.engine.dispose()
    return path


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database with the current schema. Tests that change the schema use `own_database_url`."""
    if database_kind == "postgresql":
        url: str = request.getfixturevalue("postgresql").wiped()
        return url
    path = shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "mailroom.sqlite")
    return f"sqlite:///{path}"


@pytest.fixture
def own_database_url(database_kind: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database whose schema the test may change."""
    if database_kind == "postgresql":
        with request.getfixturevalue("postgresql").fresh() as url:
            yield url
    else:
        yield request.getfixturevalue("database_url")


@pytest.fixture
def config_values() -> dict[str, Any]:
    """Configuration values that differ from the defaults of the tests; override this in a module or class."""
    return {}


@pytest.fixture(scope="session")
def empty_dns() -> Iterator[NameServer]:
    """A name server that knows no domain, for pages that ask one."""
    with NameServer({}) as server:
        yield server


@pytest.fixture
def config(database_url: str, tmp_path: Path, config_values: dict[str, Any], empty_dns: NameServer) -> Config:
    """The configuration of the application."""
    usual = {
        "name_servers": empty_dns.setting,
        "instance": tmp_path / "instance",
        "database_url": database_url,
        "secret_key": "a secret key for the tests",
        "log_format": "text",
    }
    return Config.complete(**(usual | config_values))


@pytest.fixture(scope="session")
def compiled_templates() -> Iterator[FileSystemBytecodeCache]:
    """Compiled templates, shared by all tests: otherwise they would spend most of their time compiling."""
    with TemporaryDirectory(prefix="mailroom-templates-") as folder:
        yield FileSystemBytecodeCache(folder)


@pytest.fixture
def app(config: Config, compiled_templates: FileSystemBytecodeCache) -> Iterator[Flask]:
    """An application with a public URL and no users."""
    with _new_app(config, compiled_templates) as app:
        with app_state_of(app).database.transaction() as session:
            # Without the service, which would also wake the queue, and so create it.
            session.add(GeneralSettings(public_url=PUBLIC_URL, support_address="help@mailroom.example", version=1))
        yield app


@pytest.fixture(scope="session")
def shared_app(
    sqlite_template: Path, compiled_templates: FileSystemBytecodeCache, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    """An application for tests that change nothing in it: those of texts, forms and connections.

    Creating one takes longer than most of them.
    """
    folder = tmp_path_factory.mktemp("shared")
    path = shutil.copy(sqlite_template, folder / "mailroom.sqlite")
    values = {"instance": folder / "instance", "database_url": f"sqlite:///{path}", "log_format": "text"}
    handlers = logging.getLogger().handlers[:]
    with _new_app(Config.complete(secret_key="a secret key for the tests", **values), compiled_templates) as app:
        # Its log would go to where the first test's output goes.
        logging.getLogger().handlers = handlers
        yield app


@contextmanager
def _new_app(config: Config, compiled_templates: FileSystemBytecodeCache) -> Iterator[Flask]:
    handlers = logging.getLogger().handlers[:]
    app = create_app(config)
    app.testing = True
    app.jinja_env.bytecode_cache = compiled_templates
    # With `testing`, exceptions would propagate to the test; users get an error page.
    app.config["PROPAGATE_EXCEPTIONS"] = False
    yield app
    get_queue(app).close()
    app_state_of(app).database.engine.dispose()
    logging.getLogger().handlers = handlers


@pytest.fixture
def app_context(app: Flask) -> Iterator[None]:
    """An application context, for tests that call services which look up the current application.

    Requests of a Browser don't see it; threads that the test starts need one of their own. Don't combine it
    with a bare `app.test_client()`, which would share its `g`.
    """
    with app.app_context():
        yield


@pytest.fixture
def state(app: Flask, app_context: None) -> AppState:
    """The state of the application."""
    return app_state_of(app)


@pytest.fixture
def database(state: AppState) -> Database:
    """The application's database."""
    return state.database


@pytest.fixture
def stranger(app: Flask) -> Browser:
    """A visitor who is not signed in."""
    return Browser(app)


@pytest.fixture
def administrator(app: Flask, database: Database) -> Browser:
    """An administrator, signed in."""
    browser = Browser(app, add_user(database, "ada@mailroom.example", Role.ADMINISTRATOR))
    browser.start_session()
    return browser


@pytest.fixture
def member(app: Flask, database: Database) -> Browser:
    """A user without administrator rights, signed in."""
    browser = Browser(app, add_user(database, "max@mailroom.example"))
    browser.start_session()
    return browser


@pytest.fixture
def inbox(authority: Authority, state: AppState) -> Iterator[Inbox]:
    """A mail server with STARTTLS and authentication, saved as the application's mail server."""
    with running_inbox(authority) as inbox:
        inbox.save_to(state)
        yield inbox


@pytest.fixture
def scripted(authority: Authority) -> Iterator[Callable[..., ScriptedServer]]:
    """Start mail servers that reply as the test wants; see ScriptedServer."""
    with ExitStack() as stack:
        yield lambda *given, **options: stack.enter_context(
            ScriptedServer(*given, **{"certificate": authority.server(), **options})
        )


@pytest.fixture
def internet_only() -> Iterator[None]:
    """Allow only hosts on the internet."""
    sockets.allow_private_hosts(False)
    yield
    sockets.allow_private_hosts(True)


@pytest.fixture
def enqueue(database: Database) -> Enqueue:
    """Queue a message and return its id; a notification to somebody, unless another kind is given."""

    def enqueue_message(kind: str = "activated", recipient: str = "eve@people.example", **options: Any) -> int:
        with database.transaction() as session:
            return outbox.enqueue(session, kind, recipient, **options)

    return enqueue_message


@pytest.fixture
def get_message(database: Database) -> GetMessage:
    """Read a message as it is in the database now."""

    def read_message(message_id: int) -> Message:
        with database.read() as session:
            return session.get_one(Message, message_id)

    return read_message


@pytest.fixture
def use_server(state: AppState) -> Callable[..., None]:
    """Save a server on loopback as the mail server; without one, a port on which nothing listens."""

    def use_server(server: ScriptedServer | None = None, **given: Any) -> None:
        values = {"provider": "custom", "mail_from": "mailroom@mailroom.example", "host": "127.0.0.1", "timeout": 5}
        values |= {"port": server.port if server else 9, "security": "none", "updated_at": clock.now(), **given}
        with state.database.transaction() as session:
            row = session.scalar(select(MailServer)) or MailServer(position=0, name="Custom")
            for name, value in values.items():
                setattr(row, name, value)
            session.add(row)

    return use_server


@pytest.fixture
def deliver(app: Flask) -> Callable[[], None]:
    """Deliver everything that is due, once, as the worker does."""
    return lambda: deliver_due(app)
