"""Bring the database to the newest schema."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from webapp.core.database import Database
from webapp.core.postgresql import lift_limits

# Any number: an advisory lock on which all processes that upgrade the same PostgreSQL database wait.
UPGRADE_LOCK = 7_145_232


def upgrade(database: Database) -> None:
    """Apply the missing migrations, one process at a time."""
    with _without_foreign_keys(database) as connection, connection.begin():
        lift_limits(connection)
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": UPGRADE_LOCK})
        command.upgrade(alembic_config(connection), "head")


def current_revision(session: Session) -> str | None:
    """Return the revision of the schema. Raises SQLAlchemyError if the database has none."""
    revision: str | None = session.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


@contextmanager
def _without_foreign_keys(database: Database) -> Iterator[Connection]:
    """Open a connection on which SQLite can recreate a table without deleting the rows that refer to it.

    SQLite only allows this setting outside of a transaction (sqlite.org/lang_altertable.html, section 7).
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
    """Return Alembic's configuration for this connection."""
    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(__file__).parent.parent / "migrations"))
    config.attributes["connection"] = connection
    return config
