"""The queue of tasks: one Huey for each application, on SQLite, PostgreSQL or Redis.

A task only names a job and carries no data: what a job works on are rows of the database. So a task that is lost
costs some seconds, one that runs twice costs a query, and nothing fails while the queue is down.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

import psycopg
import structlog
from flask import Flask
from huey.api import Huey, PostgresHuey, RedisHuey, SqliteHuey, crontab
from huey.serializer import SignedSerializer
from sqlalchemy.orm import Session

from webapp.core.config import ConfigError
from webapp.core.database import Database, after_commit, parse_url
from webapp.core.postgresql import queue_connection
from webapp.core.sealing import derive

NAME = "mailroom"
EXTENSION = "mailroom.queue"
# In PostgreSQL, of the names of the tables.
TABLE_PREFIX = "mailroom_queue"
# Seconds that a request waits for a queue that does not respond, and for which the queue is then left alone.
TIMEOUT, PAUSE = 2, 5
# Seconds that Huey waits for a task at PostgreSQL and Redis before it looks whether it should stop.
READ_TIMEOUT = 1
# Seconds after which a task that nobody has run is dropped: the next one is there by then.
EXPIRES = 55
# Seconds between two warnings that the queue is unavailable.
LOG_INTERVAL = 60
# What the engines raise then; SQLite also for other reasons.
TABLES_MISSING = (sqlite3.OperationalError, psycopg.errors.UndefinedTable)

log = structlog.get_logger(__name__)


class SigningKeys(Protocol):
    """Where the keys that sign tasks come from."""

    def signing_keys(self) -> tuple[str, ...]:
        """Return the keys, the current one first."""


class UnknownKey(Exception):
    """What was found in the queue is not signed with a key of ours."""


class Signer:
    """Huey's serializer: signs with the current key and reads what any of our keys has signed.

    Huey pickles its tasks, so anything else must not even be read. A process that has not seen a new key yet
    goes on with the old one.
    """

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys

    def serialize(self, data: Any) -> bytes:
        """Pickle and sign a task."""
        return cast(bytes, _serializer(self._keys.signing_keys()[0]).serialize(data))

    def deserialize(self, data: bytes) -> Any:
        """Verify and unpickle a task. Raises UnknownKey."""
        for key in self._keys.signing_keys():
            with suppress(ValueError):
                return _serializer(key).deserialize(data)
        raise UnknownKey("a task is dropped: no key of this installation has signed it")


class TaskQueue:
    """One application's queue. Only `huey`, for the worker, raises the errors of the engine."""

    def __init__(self, url: str, keys: SigningKeys) -> None:
        """Describe the queue at this URL, without opening it. Raises ConfigError."""
        self.huey, self._file = _create(url, Signer(keys))
        self._tasks: dict[str, Task] = {}
        self._lock, self._closing = threading.Lock(), threading.Lock()
        self._inode: int | None = None
        self._is_prepared = False
        self._leave_until = self._log_after = float("-inf")

    @property
    def polls(self) -> bool:
        """Whether Huey has to look for new tasks again and again, as SQLite can't tell."""
        return self._file is not None

    def add(self, name: str, function: Callable[[], object], every: timedelta) -> None:
        """Add a task that the workers run at intervals of whole minutes, up to an hour, and when it is woken."""
        minutes = max(1, int(every.total_seconds() // 60))
        when = crontab(minute=f"*/{minutes}" if minutes < 60 else "0", strict=True)
        decorate = self.huey.periodic_task(when, name=name, expires=EXPIRES)
        self._tasks[name] = Task(self, f"{NAME}.woken.{name}", decorate(lambda: function()))

    def task(self, name: str) -> "Task":
        """Return a task by its name."""
        return self._tasks[name]

    def attach_to(self, database: Database) -> None:
        """Give every session of this database the queue, for `run_after_commit`."""
        database.session_info[EXTENSION] = self

    def prepare(self) -> bool:
        """Open the engine, and create its tables if they are missing; return whether it is available."""
        return self.attempt(lambda: None)

    def attempt(self, action: Callable[[], object]) -> bool:
        """Do something with the engine; return whether it worked.

        After a failure the engine is left alone for some seconds, so that requests do not wait for it in a row.
        """
        if not self._lock.acquire(timeout=TIMEOUT):
            return False
        try:
            if time.monotonic() < self._leave_until:
                return False
            self._do(action)
        except Exception as error:  # each engine has errors of its own
            self._is_prepared = False
            self._leave_until = time.monotonic() + PAUSE
            self._warn(error)
            return False
        finally:
            self._lock.release()
        return True

    def close(self) -> None:
        """Close this thread's connections and the one that all share; they open again when they are needed."""
        # Huey doesn't expect two threads to do so at once.
        with self._closing:
            self.huey.storage.close()

    def _do(self, action: Callable[[], object]) -> None:
        self._prepare()
        try:
            action()
        except TABLES_MISSING:
            self._is_prepared = False
            self._prepare()
            action()

    def _prepare(self) -> None:
        """Create the tables if they are not there, or not any more."""
        if self._file and self._inode != _inode(self._file):
            # What is open is a file that has been deleted or replaced.
            self.close()
            self._is_prepared = False
        if self._is_prepared:
            return
        if self._file:
            self._file.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.huey.pending_count()
        except TABLES_MISSING:
            self.huey.storage.initialize_schema()
        if self._file:
            self._inode = _inode(self._file)
        self._is_prepared = True

    def _warn(self, error: Exception) -> None:
        if time.monotonic() >= self._log_after:
            self._log_after = time.monotonic() + LOG_INTERVAL
            log.warning("queue unavailable; workers look at the outbox at intervals", error=type(error).__name__)


@dataclass(frozen=True, eq=False)
class Task:
    """A task that can be put into the queue. Nothing here raises; each returns whether the queue was available."""

    queue: TaskQueue
    key: str
    enqueue_now: Callable[[], object]

    def wake(self) -> bool:
        """Have a worker run it, unless one was told so already and has not begun.

        The worker takes the mark away before it looks, so it sees everything that was committed until then.
        """
        return self.queue.attempt(self._enqueue_once)

    def enqueue(self) -> bool:
        """Have a worker run it, whatever it was told before."""
        return self.queue.attempt(self.enqueue_now)

    def begin(self) -> bool:
        """Take the mark away: from here on, it is to be woken again."""
        return self.queue.attempt(lambda: self.queue.huey.delete(self.key))

    def _enqueue_once(self) -> None:
        huey = self.queue.huey
        # Reading first costs next to nothing, where writing would wait for others.
        if not huey.storage.has_data_for_key(self.key) and huey.put_if_empty(self.key, True):
            self.enqueue_now()


def get_queue(app: Flask) -> TaskQueue:
    """Return the application's queue."""
    return cast(TaskQueue, app.extensions[EXTENSION])


def run_after_commit(session: Session, name: str) -> None:
    """Wake this task once the transaction of `session` is committed."""
    after_commit(session, session.info[EXTENSION].task(name).wake)


def _create(url: str, signer: Signer) -> tuple[Huey, Path | None]:
    """Return the engine for this URL and, of SQLite, its file."""
    # No results: jobs leave theirs in the database.
    options: dict[str, Any] = {"name": NAME, "results": False, "serializer": signer}
    if url.startswith("sqlite:"):
        path = parse_url(url, "QUEUE_URL").database
        if not path:
            raise ConfigError("MAILROOM_QUEUE_URL: use sqlite:/// followed by the path of a file.")
        # A task that is lost in a power cut does no harm, so writing need not wait for the disk.
        huey = SqliteHuey(filename=path, fsync=False, timeout=TIMEOUT, create_tables=False, **options)
        return huey, Path(path)
    if url.startswith("postgresql"):
        connect = queue_connection(parse_url(url, "QUEUE_URL"), TIMEOUT)
        tables = {"table_prefix": TABLE_PREFIX, "create_tables": False}
        return PostgresHuey(connection=connect, read_timeout=READ_TIMEOUT, **tables, **options), None
    return RedisHuey(connection_pool=_redis_pool(url), read_timeout=READ_TIMEOUT, **options), None


def _redis_pool(url: str) -> Any:
    try:
        redis = import_module("redis")
    except ImportError as error:
        raise ConfigError("MAILROOM_QUEUE_URL: Redis needs its client: pip install 'mailroom[redis]'.") from error
    # No retries: a request would wait for seconds.
    retry = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    patience = {"socket_connect_timeout": TIMEOUT, "socket_timeout": READ_TIMEOUT + TIMEOUT}
    try:
        return redis.ConnectionPool.from_url(url, retry=retry, **patience)
    except ValueError:
        # Neither quote the error nor chain it: it may contain a part of the password.
        raise ConfigError("MAILROOM_QUEUE_URL: use redis://user:password@host:port/number.") from None


def _inode(path: Path) -> int | None:
    try:
        return os.stat(path).st_ino
    except OSError:
        return None


@lru_cache(maxsize=8)
def _serializer(key: str) -> SignedSerializer:
    return SignedSerializer(secret=derive(key, "queue").hex(), salt=NAME)
