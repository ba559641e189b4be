"""How long Mailroom waits for PostgreSQL: never forever, whether a lock is held or the server doesn't answer."""

import time
import traceback
from collections.abc import Callable, Generator, Mapping
from typing import Any, cast

import psycopg
from psycopg.abc import RV, PQGen
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import URL, Connection

# Seconds for the first answer of a connection that was not in use, and for each answer within a transaction.
FIRST_ANSWER = 3.0
ANSWER = 20.0
# The server's own limits are shorter, so that it gives up before Mailroom does (postgresql.org/docs, 19.11.1).
OPTIONS = "-c lock_timeout=10s -c statement_timeout=15s"
QUEUE_OPTIONS = "-c synchronous_commit=off"
# Parameters of libpq in seconds, and in milliseconds: how soon a machine that is gone is noticed.
PARAMETERS = {
    "connect_timeout": "5",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}
# More connections than threads that may wait for a lock, so that pages still get one.
POOL = {"pool_size": 10, "max_overflow": 30, "pool_timeout": 10, "pool_pre_ping": True}


class ServerSilent(psycopg.OperationalError):
    """The server took a statement and did not answer in time."""


class ImpatientConnection(psycopg.Connection[Any]):
    """A connection that closes when the server has not answered for `patience` seconds.

    The server's time-outs do not work where its process is stopped, and TCP's do not where its machine is well.
    """

    patience = FIRST_ANSWER

    def wait(self, gen: PQGen[RV], *args: Any, **options: Any) -> RV:
        """Wait until the server has answered. Raises ServerSilent."""
        return super().wait(self._watched(gen), *args, **options)

    def _watched(self, gen: PQGen[RV]) -> Generator[Any, Any, RV]:
        deadline = time.monotonic() + self.patience
        try:
            wanted = next(gen)
            while True:
                # What the socket is ready for; psycopg sends nothing several times a second.
                ready = yield wanted
                if not ready and time.monotonic() > deadline:
                    self.close()
                    raise ServerSilent(f"no answer in {self.patience:.0f} s")
                wanted = gen.send(ready)
        except StopIteration as end:
            result: RV = end.value
            return result


def create_postgresql_engine(url: URL) -> Engine:
    """Create an engine with these limits. Parameters in the URL come before ours."""
    # The values of statements must not appear in logged errors.
    engine = create_engine(_limited(url, OPTIONS, PARAMETERS), hide_parameters=True, **POOL)
    event.listen(engine, "do_connect", _connect)
    event.listen(engine, "begin", _begin)
    event.listen(engine, "checkin", _rest)
    return engine


def queue_connection(url: URL, patience: int) -> Callable[[], psycopg.Connection[Any]]:
    """Return a function that connects to the queue in this database, where each answer may take so many seconds.

    Commits don't wait for the disk, as tasks may be lost.
    """
    options = f"{QUEUE_OPTIONS} -c lock_timeout={patience}s -c statement_timeout={patience}s"
    parameters = {**PARAMETERS, "connect_timeout": str(patience)}
    limited = _limited(url.set(drivername="postgresql+psycopg"), options, parameters)
    arguments, keywords = limited.get_dialect()().create_connect_args(limited)

    def connect() -> psycopg.Connection[Any]:
        return _connect(None, None, arguments, keywords)

    return connect


def lift_limits(connection: Connection) -> None:
    """Let the rest of this transaction take its time, as migrations and cleaning up may. SQLite has no such limits."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        _set_patience(connection, float("inf"))


def _limited(url: URL, options: str, parameters: Mapping[str, str]) -> URL:
    given = url.query.get("options", "")
    more = given if isinstance(given, str) else " ".join(given)
    return url.set(query={**parameters, **url.query, "options": f"{options} {more}".strip()})


def _connect(_dialect: Any, _record: Any, arguments: Any, parameters: Any) -> ImpatientConnection:
    try:
        return ImpatientConnection.connect(*arguments, **parameters)
    except psycopg.Error as error:
        # What was not answered in time is held by frames of the traceback, and the server would find it open later.
        traceback.clear_frames(error.__traceback__)
        raise


def _begin(connection: Connection) -> None:
    _set_patience(connection, ANSWER)


def _rest(connection: ImpatientConnection | None, _record: Any) -> None:
    # None if it was lost.
    if connection is not None:
        connection.patience = FIRST_ANSWER


def _set_patience(connection: Connection, seconds: float) -> None:
    cast(ImpatientConnection, connection.connection.driver_connection).patience = seconds
