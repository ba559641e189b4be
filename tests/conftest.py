"""What every test can ask for: databases, an application, people with browsers, a mail server."""

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import pytest
import sqlalchemy
from argon2 import PasswordHasher
from flask import Flask
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import Engine, event, select
from werkzeug.routing import Rule

from tests.support.browser import Browser
from tests.support.certificates import Authority
from tests.support.inbox import Inbox, running_inbox
from tests.support.people import add_person
from tests.support.postgresql import PostgreSQL, running_postgresql
from tests.support.scripted import ScriptedServer
from webapp import create_app
from webapp.accounts.models import Role
from webapp.core import clock, schema
from webapp.core import database as database_module
from webapp.core.app_state import AppState, app_state_of
from webapp.core.config import Config
from webapp.core.database import Database
from webapp.mail.models import MailServer
from webapp.outbox import service as outbox
from webapp.outbox.delivery import deliver_due
from webapp.outbox.models import Message
from webapp.settings import service as settings

Enqueue = Callable[..., int]
GetMessage = Callable[[int], Message]

PUBLIC_URL = "https://mailroom.example"


def pytest_configure(config: pytest.Config) -> None:
    """Name the markers."""
    config.addinivalue_line("markers", "one_database: what is tested is the same on every kind of database.")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what needs a database on both kinds, unless it is marked `one_database`."""
    if "database_kind" in metafunc.fixturenames:
        one = metafunc.definition.get_closest_marker("one_database")
        metafunc.parametrize("database_kind", ["sqlite"] if one else ["sqlite", "postgresql"])


@pytest.fixture(scope="session", autouse=True)
def authority() -> Iterator[Authority]:
    """The certificate authority that this run believes, subprocesses too."""
    with Authority.believed() as authority:
        yield authority


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> Iterator[None]:
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with mock.patch("webapp.accounts.passwords.hashing._hasher", cheap):
        yield


@pytest.fixture(scope="session", autouse=True)
def careful_sqlite() -> Iterator[Callable[[Any, Any], None]]:
    """What a connection to SQLite does in earnest. Here nobody needs the data again, so nothing reaches the disk."""
    usual = database_module._prepare_sqlite

    def hasty(connection: Any, record: Any) -> None:
        usual(connection, record)
        connection.execute("PRAGMA synchronous=OFF")

    with mock.patch.object(database_module, "_prepare_sqlite", hasty):
        yield usual


@pytest.fixture(scope="session", autouse=True)
def _plugins_found_once() -> Iterator[None]:
    """Looking through all installed packages takes longer than the rest of a start."""
    with mock.patch("webapp.providers.registry.entry_points", cache(entry_points)):
        yield


@pytest.fixture(scope="session", autouse=True)
def _compiled_rules() -> Iterator[None]:
    """How each address is put together, compiled once: most of the making of an application would go there."""
    usual = Rule._compile_builder
    compiled: dict[object, Callable[..., tuple[str, str]]] = {}

    def once(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        key = (tuple(rule._trace), tuple((rule.defaults or {}).items()), append_unknown)
        if key not in compiled:
            compiled[key] = usual(rule, append_unknown)
        return compiled[key]

    with mock.patch.object(Rule, "_compile_builder", once):
        yield


@pytest.fixture(scope="session", autouse=True)
def _compiled_statements() -> Iterator[None]:
    """Statements compiled once for each kind of database: each test has an engine of its own, and would do it anew."""
    shared: dict[str, Engine] = {}

    def create_engine(*given: Any, **options: Any) -> Engine:
        engine = sqlalchemy.create_engine(*given, query_cache_size=5000, **options)
        event.listen(engine, "first_connect", lambda *_: share(engine))
        return engine

    def share(engine: Engine) -> None:
        first = shared.setdefault(engine.dialect.name, engine)
        engine.dialect, engine._compiled_cache = first.dialect, first._compiled_cache

    with mock.patch.object(database_module, "create_engine", create_engine):
        yield


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """The server, started when the first test needs it."""
    with running_postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty database file."""
    path = tmp_path_factory.mktemp("sqlite") / "migrated.sqlite"
    database = Database(f"sqlite:///{path}")
    schema.upgrade(database)
    database.engine.dispose()
    return path


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated, empty database. Tests that change its tables use `own_database_url`."""
    if database_kind == "postgresql":
        url: str = request.getfixturevalue("postgresql").wiped()
        return url
    path = shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "mailroom.sqlite")
    return f"sqlite:///{path}"


@pytest.fixture
def own_database_url(database_kind: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated, empty database whose tables may be changed, too."""
    if database_kind == "postgresql":
        with request.getfixturevalue("postgresql").fresh() as url:
            yield url
    else:
        yield request.getfixturevalue("database_url")


@pytest.fixture
def config_values() -> dict[str, Any]:
    """Settings of the process that differ from the usual ones; a module overrides this."""
    return {}


@pytest.fixture
def config(database_url: str, tmp_path: Path, config_values: dict[str, Any]) -> Config:
    """The settings of the process."""
    usual = {
        "instance": tmp_path / "instance",
        "database_url": database_url,
        "secret_key": "a secret key for the tests",
        "log_format": "text",
    }
    return Config.complete(**(usual | config_values))


@pytest.fixture(scope="session")
def compiled_templates() -> Iterator[FileSystemBytecodeCache]:
    """Templates compiled once: most of a test's time would go there."""
    with TemporaryDirectory(prefix="mailroom-templates-") as folder:
        yield FileSystemBytecodeCache(folder)


@pytest.fixture
def app(config: Config, compiled_templates: FileSystemBytecodeCache) -> Iterator[Flask]:
    """An application with a public address, and nobody in it."""
    handlers = logging.getLogger().handlers[:]
    app = create_app(config)
    app.testing = True
    app.jinja_env.bytecode_cache = compiled_templates
    # Testing would hand exceptions on to the test; people get a page.
    app.config["PROPAGATE_EXCEPTIONS"] = False
    parts = app_state_of(app)
    with parts.database.transaction() as session:
        settings.save_general(session, PUBLIC_URL, "Mailroom", "help@mailroom.example")
    yield app
    parts.database.engine.dispose()
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
def parts(app: Flask, app_context: None) -> AppState:
    """What the application is made of."""
    return app_state_of(app)


@pytest.fixture
def database(parts: AppState) -> Database:
    """The application's database."""
    return parts.database


@pytest.fixture
def stranger(app: Flask) -> Browser:
    """Somebody who is not signed in."""
    return Browser(app)


@pytest.fixture
def administrator(app: Flask, database: Database) -> Browser:
    """An administrator, signed in."""
    browser = Browser(app, add_person(database, "ada@mailroom.example", Role.ADMINISTRATOR))
    browser.let_in()
    return browser


@pytest.fixture
def member(app: Flask, database: Database) -> Browser:
    """A person without rights over others, signed in."""
    browser = Browser(app, add_person(database, "max@mailroom.example"))
    browser.let_in()
    return browser


@pytest.fixture
def inbox(authority: Authority, parts: AppState) -> Iterator[Inbox]:
    """A mail server with STARTTLS and sign-in, saved as the application's own."""
    with running_inbox(authority) as inbox:
        inbox.save_to(parts)
        yield inbox


@pytest.fixture
def scripted(authority: Authority) -> Iterator[Callable[..., ScriptedServer]]:
    """Make mail servers that say what the test wants; see ScriptedServer."""
    with ExitStack() as stack:
        yield lambda *given, **options: stack.enter_context(
            ScriptedServer(*given, **{"certificate": authority.server(), **options})
        )


@pytest.fixture
def enqueue(database: Database) -> Enqueue:
    """Queue a message and return its id; a notification to somebody, unless another kind is given."""

    def enqueue_message(kind: str = "activated", recipient: str = "eve@people.example", **options: Any) -> int:
        with database.transaction() as session:
            message = outbox.enqueue(session, kind, recipient, **options)
            session.flush()
            return message.id

    return enqueue_message


@pytest.fixture
def get_message(database: Database) -> GetMessage:
    """Read a message as it is in the database now."""

    def read_message(message_id: int) -> Message:
        with database.read() as session:
            return session.get_one(Message, message_id)

    return read_message


@pytest.fixture
def use_server(parts: AppState) -> Callable[..., None]:
    """Save a server on loopback, or one that nobody listens at, as the mail server."""

    def use_server(server: ScriptedServer | None = None, **given: Any) -> None:
        values = {"provider": "custom", "mail_from": "mailroom@mailroom.example", "host": "127.0.0.1", "timeout": 5}
        values |= {"port": server.port if server else 9, "security": "none", "updated_at": clock.now(), **given}
        with parts.database.transaction() as session:
            row = session.scalar(select(MailServer)) or MailServer()
            for name, value in values.items():
                setattr(row, name, value)
            session.add(row)

    return use_server


@pytest.fixture
def deliver(app: Flask) -> Callable[[], None]:
    """Deliver everything that is due, once, as the worker does."""
    return lambda: deliver_due(app)
