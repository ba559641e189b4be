"""The database: one engine, two kinds of transaction, and the types every model shares."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar, TypeVarTuple, cast

from sqlalchemy import DateTime, Dialect, Engine, MetaData, Select, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.orm import DeclarativeBase, Session, class_mapper, sessionmaker
from sqlalchemy.orm.attributes import instance_dict
from sqlalchemy.types import JSON, TypeDecorator

from webapp.core.config import ConfigError

AFTER_COMMIT = "after_commit"
# The largest id that a usual column can hold; SQLite's driver refuses to compare with much larger ones.
MAX_ID = 2**31 - 1

Model = TypeVar("Model", bound="Base")
Values = TypeVarTuple("Values")


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC. SQLite keeps no time zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a moment without a time zone cannot be saved")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


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
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: UtcDateTime, dict[str, Any]: JSON}


class Database:
    """An engine and the two ways to use it."""

    def __init__(self, url: str) -> None:
        """For the database at this address. Raises ConfigError, or SQLAlchemy's ArgumentError."""
        self.engine = _create_engine(url)
        self.sessions = sessionmaker(self.engine, expire_on_commit=False)
        self._glances: dict[Select[*tuple[Any, ...]], _Glance] = {}

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session to read with; nothing is committed."""
        with self.sessions() as session:
            yield session

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back on any exception.

        What was promised with `after_commit` is done once the commit stands.
        """
        with self.sessions() as session:
            session.connection(execution_options={"writes": True})
            yield session
            session.commit()
            for act in session.info.pop(AFTER_COMMIT, []):
                act()

    def glance(self, statement: Select[*Values], **given: Any) -> tuple[*Values] | None:
        """The first row of a statement that is put together once: for what every page asks.

        `given` are the values of its bound parameters, which go to the driver as they are. It takes a tenth of
        the time of a session, as the statement is compiled once and no objects are kept track of. Raises the
        driver's errors.
        """
        glance = self._glances.get(statement)
        if glance is None:
            glance = self._glances[statement] = _Glance(statement, self.engine.dialect)
        with closing(self.engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(glance.text, glance.parameters(given))
            row = cursor.fetchone()
        return None if row is None else cast(tuple[*Values], glance.read(row))


class _Glance:
    """A statement as the driver takes it, and the types of what it gives."""

    def __init__(self, statement: Select[*tuple[Any, ...]], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        self.text = str(compiled)
        self._fixed = compiled.params
        # The names of the parameters in their order; None for drivers that take them by name.
        self._order = compiled.positiontup
        types = [column.type.dialect_impl(dialect) for column in statement.selected_columns]
        readers = [(place, one.result_processor(dialect, None)) for place, one in enumerate(types)]
        # Most values are as they should be.
        self._readers = [(place, reader) for place, reader in readers if reader is not None]

    def parameters(self, given: Mapping[str, Any]) -> Mapping[str, Any] | Sequence[Any]:
        """The values of all parameters."""
        values = {**self._fixed, **given}
        return values if self._order is None else [values[name] for name in self._order]

    def read(self, row: Sequence[Any]) -> tuple[Any, ...]:
        """The values of a row, as a session would give them."""
        values = list(row)
        for place, reader in self._readers:
            values[place] = reader(values[place])
        return tuple(values)


def as_saved(model: type[Model], values: Mapping[str, Any]) -> Model:
    """An object with what the database has, in no session: to read alone.

    The model's constructor would note each value as a change that is to be saved.
    """
    one: Model = class_mapper(model).class_manager.new_instance()
    instance_dict(one).update(values)
    return one


def after_commit(session: Session, act: Callable[[], None]) -> None:
    """Have `act` called once the transaction of `session` is committed; each act once."""
    acts = session.info.setdefault(AFTER_COMMIT, [])
    if act not in acts:
        acts.append(act)


def insert_into(session: Session, model: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that knows ON CONFLICT: both databases do, and SQLAlchemy has it for each of them apart."""
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(model)
    return sqlite.insert(model)


def _create_engine(url: str) -> Engine:
    parsed = _parsed(url)
    # The driver's errors are logged; what was to be saved is not.
    if parsed.get_backend_name() == "postgresql":
        return create_engine(
            parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True, pool_size=10, hide_parameters=True
        )
    engine = create_engine(parsed, connect_args={"timeout": 30}, pool_size=20, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except ValueError:
        # Not its words, nor it as their cause: what stands in the port's place may be half of a password.
        raise ConfigError(
            "MAILROOM_DATABASE_URL: its port is no number. In a password, write @ as %40, : as %3A and / as %2F."
        ) from None


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own transaction handling starts them late; see _begin_sqlite.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once when another one wrote in
    # between; taking the write lock at the start waits for it instead.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
