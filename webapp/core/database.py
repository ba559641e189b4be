"""The database: an engine, two kinds of transaction, and what all models share."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Dialect,
    Engine,
    Insert,
    MetaData,
    TableValuedAlias,
    column,
    create_engine,
    event,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.types import JSON, TypeDecorator

from webapp.core.config import PREFIX, ConfigError
from webapp.core.postgresql import create_postgresql_engine

AFTER_COMMIT = "after_commit"
# What is raised when the database can't be used at the moment; the last if no connection of the pool is free.
DATABASE_UNAVAILABLE = (OperationalError, InterfaceError, PoolTimeout)
# The largest id in an INTEGER column; SQLite's driver refuses to compare with much larger numbers.
MAX_ID = 2**31 - 1
# Of SQLite: seconds to wait for the write lock, and connections; see `postgresql` for the other.
LOCK_TIMEOUT = 25
POOL = {"pool_size": 20, "max_overflow": 20, "pool_timeout": 10}


class UtcDateTime(TypeDecorator[datetime]):
    """A time in UTC. SQLite stores no time zone, so it is added when reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC. Raises ValueError for a time without a time zone."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a time without a time zone cannot be saved")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Unreadable(dict[str, Any]):
    """What is read from a column of JSON objects that holds something else: an empty dictionary."""


class JsonObject(TypeDecorator[dict[str, Any]]):
    """A JSON object. One that can't be read fails by itself, and not the whole query with all its other rows."""

    impl = JSON
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], dict[str, Any] | None]:
        """Return a function that reads a value; it returns Unreadable for what is no JSON object."""
        parse = super().result_processor(dialect, coltype)

        def read(value: Any) -> dict[str, Any] | None:
            try:
                found = parse(value) if parse else value
            except ValueError:
                return Unreadable()
            return found if found is None or isinstance(found, dict) else Unreadable()

        return read


class Base(DeclarativeBase):
    """The base of every model."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: UtcDateTime, dict[str, Any]: JsonObject}


class Database:
    """An engine, and the two kinds of transaction."""

    def __init__(self, url: str) -> None:
        """Open the database at this URL. Raises ConfigError, or SQLAlchemy's ArgumentError."""
        self.engine = _create_engine(url)
        # What every session has in its `info`.
        self.session_info: dict[str, Any] = {}
        self.sessions = sessionmaker(self.engine, expire_on_commit=False, info=self.session_info)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session to read with; nothing is committed."""
        with self.sessions() as session:
            yield session

    @contextmanager
    def read_columns(self) -> Iterator[Connection]:
        """Open a connection to read columns with, which takes a third of a session's time: for what every page asks."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Open a transaction: commit at the end, roll back on any exception.

        Functions passed to `after_commit` are called once it is committed.
        """
        with self.sessions() as session:
            session.connection(execution_options={"writes": True})
            yield session
            session.commit()
            for function in session.info.pop(AFTER_COMMIT, []):
                function()

    @contextmanager
    def relaxed(self) -> Iterator[Any]:
        """Open a connection of the driver (DB-API, PEP 249) that commits each statement at once.

        What it commits survives the death of this process, but until something else is committed, not a power cut:
        it does not wait for the disk (sqlite.org/pragma.html#pragma_synchronous; postgresql.org/docs, 28.4).
        """
        pooled = self.engine.raw_connection()
        driver: Any = pooled.driver_connection
        is_postgresql = self.engine.dialect.name == "postgresql"
        try:
            if is_postgresql:
                driver.autocommit = True
            driver.execute("SET synchronous_commit = off" if is_postgresql else "PRAGMA synchronous=NORMAL")
            yield driver
            driver.execute("RESET synchronous_commit" if is_postgresql else "PRAGMA synchronous=FULL")
            if is_postgresql:
                driver.autocommit = False
        except BaseException:
            # Nobody else must get it as it is now.
            pooled.invalidate()
            raise
        finally:
            pooled.close()


def after_commit(session: Session, function: Callable[[], None]) -> None:
    """Call a function once the transaction is committed; the same function only once."""
    functions = session.info.setdefault(AFTER_COMMIT, [])
    if function not in functions:
        functions.append(function)


def insert_into(session: Session, model: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that supports ON CONFLICT, which SQLAlchemy has separately for each database."""
    return insert_for(session.get_bind().dialect.name, model)


def insert_for(dialect: str, model: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """Return the same for the database of this name."""
    return postgresql.insert(model) if dialect == "postgresql" else sqlite.insert(model)


def json_rows(session: Session, rows: Sequence[Sequence[Any]]) -> TableValuedAlias:
    """Return a table with a column `value` that holds these rows, for a statement about many of them.

    They are one parameter, which takes a tenth of the time of a parameter for each value.
    """
    each = func.json_array_elements if session.get_bind().dialect.name == "postgresql" else func.json_each
    return each(literal(rows, JSON)).table_valued(column("value", JSON))


def insert_selected(model: type[Base], values: Mapping[str, Any]) -> Insert:
    """Return an INSERT that adds a row for each row that the values are selected from; the others are constant."""
    columns = model.__table__.c
    selected = [
        value if isinstance(value, ColumnElement) else literal(value, columns[name].type)
        for name, value in values.items()
    ]
    return insert(model).from_select(list(values), select(*selected))


def _create_engine(url: str) -> Engine:
    parsed = parse_url(url, "DATABASE_URL")
    if parsed.get_backend_name() == "postgresql":
        return create_postgresql_engine(parsed.set(drivername="postgresql+psycopg"))
    # The values of statements must not appear in logged errors.
    engine = create_engine(parsed, connect_args={"timeout": LOCK_TIMEOUT}, hide_parameters=True, **POOL)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def parse_url(url: str, setting: str) -> URL:
    """Parse the URL in this setting. Raises ConfigError."""
    try:
        return make_url(url)
    except ValueError:
        # Neither quote the error nor chain it: what it takes for a port may be half of a password.
        raise ConfigError(
            f"{PREFIX}{setting}: the port is not a number. In a password, write @ as %40, : as %3A and / as %2F."
        ) from None


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver would start transactions late; see _begin_sqlite.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later fails if another one wrote in between; taking the write
    # lock at the start waits for that instead.
    if connection.get_execution_options().get("writes", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        # This never fails, so SQLAlchemy need not watch it; every page begins at least one.
        connection.connection.cursor().execute("BEGIN")
