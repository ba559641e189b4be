"""The queue that wakes the worker. It holds no messages: those are rows of the outbox."""

from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import structlog
from flask import Flask
from huey.api import Huey, RedisHuey, SqliteHuey
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from webapp.core.config import ConfigError
from webapp.core.database import Database, after_commit

NAME = "mailroom"
EXTENSION = "mailroom.queue"
# Put into Huey's storage as it is: Huey's tasks are pickled, and reading a task that somebody else put into
# the queue would run their code.
WAKE_UP = b"wake"
# Seconds that a request waits for a queue that does not respond.
TIMEOUT = 1

log = structlog.get_logger(__name__)


class WakeUpQueue:
    """Wakes the worker, which may run in another process. Raises ConfigError for Redis without its client."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._is_file = url.startswith("sqlite:")
        if not self._is_file:
            _redis()

    @cached_property
    def huey(self) -> Huey:
        """The engine, opened at first use so that creating an application does not need it. Raises ConfigError."""
        return _sqlite_huey(self.url) if self._is_file else _redis_huey(self.url)

    def wake(self) -> None:
        """Wake the worker. It never fails: the worker also looks at the outbox at intervals.

        One pending wake-up is enough: the worker removes it before it looks at the outbox, so it sees
        everything that was committed until then.
        """
        try:
            storage = self.huey.storage
            if storage.queue_size() == 0:
                storage.enqueue(WAKE_UP)
        except Exception as error:  # each engine has errors of its own
            log.warning("queue unavailable; the worker delivers at intervals", error=type(error).__name__)

    def attach_to(self, database: Database) -> None:
        """Give every session of this database the queue, for `wake_after_commit`."""
        database.sessions.configure(info={EXTENSION: self})

    def was_woken(self) -> bool:
        """Remove the wake-up if there is one; with Redis, wait a second for it. Raises the engine's errors."""
        return self.huey.storage.dequeue() is not None

    @property
    def blocks(self) -> bool:
        """Whether `was_woken` waits, so that the caller need not pause between polls."""
        return bool(self.huey.storage.blocking)


def get_queue(app: Flask) -> WakeUpQueue:
    """Return the application's queue."""
    return cast(WakeUpQueue, app.extensions[EXTENSION])


def wake_after_commit(session: Session) -> None:
    """Wake the worker once the transaction of `session` is committed."""
    after_commit(session, session.info[EXTENSION].wake)


def _sqlite_huey(url: str) -> Huey:
    path = make_url(url).database
    if not path:
        raise ConfigError("MAILROOM_QUEUE_URL: use sqlite:/// followed by the path of a file.")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    # A wake-up that is lost in a power cut does no harm, so writing need not wait for the disk.
    return SqliteHuey(NAME, filename=path, fsync=False, timeout=TIMEOUT)


def _redis_huey(url: str) -> Huey:
    redis = _redis()
    # No retries: a request would wait for seconds.
    retry = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    try:
        pool = redis.ConnectionPool.from_url(url, socket_connect_timeout=TIMEOUT, socket_timeout=5, retry=retry)
    except ValueError as error:
        raise ConfigError(f"MAILROOM_QUEUE_URL: {error}") from error
    return RedisHuey(NAME, connection_pool=pool, blocking=True, read_timeout=1)


def _redis() -> Any:
    try:
        return import_module("redis")
    except ImportError as error:
        raise ConfigError("MAILROOM_QUEUE_URL: Redis needs its client: pip install 'mailroom[redis]'.") from error
