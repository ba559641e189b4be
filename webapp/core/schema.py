"""Brings the database to the newest schema."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import Connection, text

from webapp.core.database import Base, Database

metadata = Base.metadata
# Any number; all processes that upgrade the same PostgreSQL wait for each other on it.
UPGRADE_LOCK = 7_145_232


def upgrade(database: Database) -> None:
    """Apply the migrations that are missing, one process at a time."""
    with _without_references(database) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": UPGRADE_LOCK})
        # Only while the models change from hour to hour: the migrations follow once they are final.
        Base.metadata.create_all(connection)
        command.stamp(alembic_config(connection), "head")


@contextmanager
def _without_references(database: Database) -> Iterator[Connection]:
    """A connection on which SQLite lets a table be made anew without deleting what refers to it.

    It can be told so only outside of a transaction (sqlite.org/lang_altertable.html, section 7).
    """
    with database.engine.connect().execution_options(writes=True) as connection:
        if connection.dialect.name != "sqlite":
            yield connection
            return
        driver = connection.connection
        driver.cursor().execute("PRAGMA foreign_keys=OFF")
        try:
            yield connection
        finally:
            driver.cursor().execute("PRAGMA foreign_keys=ON")


def alembic_config(connection: Connection) -> AlembicConfig:
    """Alembic's configuration, for this connection."""
    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(__file__).parent.parent / "migrations"))
    config.attributes["connection"] = connection
    return config
