"""The schema: what the migrations create, and upgrades by several processes."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from alembic import command
from sqlalchemy import Connection, inspect, text

from tests.support.users import add_user
from webapp.accounts.models import User
from webapp.core import schema
from webapp.core.database import Base, Database

Open = Callable[[], Database]
# Queries for the schema, without Alembic's own table and without triggers, which models don't describe.
DESCRIPTIONS = {
    "sqlite": (
        "SELECT name, sql FROM sqlite_master"
        " WHERE type != 'trigger' AND sql IS NOT NULL AND tbl_name != 'alembic_version'",
    ),
    "postgresql": (
        "SELECT table_name, column_name, data_type, character_maximum_length, numeric_precision, is_nullable,"
        " column_default FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name != 'alembic_version'",
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename != 'alembic_version'",
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace AND conrelid != 'alembic_version'::regclass",
    ),
}


@pytest.fixture
def open_database(own_database_url: str) -> Iterator[Open]:
    """Open the test's own database, once more each time."""
    with ExitStack() as stack:

        def open_once_more() -> Database:
            database = Database(own_database_url)
            stack.callback(database.engine.dispose)
            return database

        yield open_once_more


def describe(database: Database) -> set[str]:
    """Describe the schema, line by line and in no order: constraints may be created in any."""
    with database.engine.connect() as connection:
        statements = DESCRIPTIONS[connection.dialect.name]
        rows = [row for statement in statements for row in connection.execute(text(statement))]
    # SQLite quotes the name of a table that a migration has renamed, which changes how the default of a text is quoted.
    texts = ((name, repr(values).replace("\\'", "'").replace('"', "'")) for name, *values in rows)
    parts = (f"{name} {part}" for name, description in texts for part in _parts(description))
    return {re.sub(r"[\s,']+", " ", part).strip() for part in parts}


def _parts(description: str) -> list[str]:
    """Split at line breaks; and, as SQLite writes added columns into the last line, before each of them."""
    return re.split(r"(?:\\n|\\t)+|, (?=\w+ [A-Z]+\b)", description)


def downgrade(connection: Connection) -> None:
    command.downgrade(schema.alembic_config(connection), "base")


def change(database: Database, function: Callable[[Connection], None]) -> None:
    with database.engine.connect().execution_options(writes=True) as connection, connection.begin():
        function(connection)


def test_the_migrations_create_what_the_models_describe(open_database: Open) -> None:
    database = open_database()
    migrated = describe(database)
    change(database, downgrade)
    change(database, Base.metadata.create_all)
    assert describe(database) == migrated


def test_the_migrations_can_be_taken_back_and_applied_again(open_database: Open) -> None:
    database = open_database()
    change(database, downgrade)
    assert inspect(database.engine).get_table_names() == ["alembic_version"]
    schema.upgrade(database)
    add_user(database, "ada@example.com")


def test_the_id_of_a_deleted_user_is_not_used_again(open_database: Open) -> None:
    database = open_database()
    user_id = add_user(database, "ada@example.com")
    with database.transaction() as session:
        session.delete(session.get_one(User, user_id))
    assert add_user(database, "bob@example.com") != user_id


def test_concurrent_upgrades_do_not_collide(open_database: Open) -> None:
    databases = [open_database() for _ in range(4)]
    change(databases[0], downgrade)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(schema.upgrade, databases))
    assert add_user(databases[1], "ada@example.com")
