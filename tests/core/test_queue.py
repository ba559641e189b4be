"""The queue of tasks: what is put into it, and what happens while it is down."""

import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.support.postgresql import PostgreSQL
from tests.support.redis import Redis, running_redis
from webapp.core.config import ConfigError
from webapp.core.queue import TaskQueue, UnknownKey

ENGINES = ("sqlite", "postgresql", "redis")


class Keys:
    """Signing keys that a test chooses."""

    def __init__(self, *keys: str) -> None:
        self.keys = keys

    def signing_keys(self) -> tuple[str, ...]:
        return self.keys


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    with running_redis() as server:
        yield server


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty queue, by default on SQLite."""
    engine = getattr(request, "param", "sqlite")
    if engine == "sqlite":
        yield f"sqlite:///{tmp_path / 'queue.sqlite'}"
    elif engine == "redis":
        yield request.getfixturevalue("redis").url
    else:
        with request.getfixturevalue("postgresql").fresh() as fresh:
            yield fresh


every_engine = pytest.mark.parametrize("url", ENGINES, indirect=True)


@pytest.fixture
def open_queue(url: str) -> Iterator[Callable[..., TaskQueue]]:
    """Open the queue as one process does, with keys of its own if given; its one task is "look"."""
    opened: list[TaskQueue] = []

    def opens(*keys: str) -> TaskQueue:
        opened.append(TaskQueue(url, Keys(*(keys or ("a key",)))))
        opened[-1].add("look", lambda: None, timedelta(minutes=1))
        return opened[-1]

    yield opens
    for queue in opened:
        queue.huey.flush()
        queue.close()


@pytest.fixture
def queue(open_queue: Callable[..., TaskQueue]) -> TaskQueue:
    return open_queue()


@every_engine
def test_a_task_reaches_another_process(open_queue: Callable[..., TaskQueue]) -> None:
    assert open_queue().task("look").wake()
    assert open_queue().huey.dequeue().name == "look"


@every_engine
def test_a_task_is_queued_once_until_it_begins(queue: TaskQueue) -> None:
    look = queue.task("look")
    assert all(look.wake() for _ in range(3))
    assert queue.huey.pending_count() == 1
    assert look.begin()
    look.wake()
    assert queue.huey.pending_count() == 2


@pytest.mark.parametrize("lost", [0, 55])
def test_a_wake_up_that_was_lost_is_made_good_by_the_next_task(queue: TaskQueue, lost: int) -> None:
    queue.task("look").wake()
    queue.huey.storage.flush_queue()
    assert queue.task("look").enqueue()
    assert queue.huey.pending_count() == 1


def test_a_task_signed_with_the_key_before_a_rotation_is_read(open_queue: Callable[..., TaskQueue]) -> None:
    open_queue("old").task("look").wake()
    assert open_queue("new", "old").huey.dequeue().name == "look"


class Malicious:
    """What runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return pytest.fail, ("it was unpickled",)


@pytest.mark.parametrize("data", [pickle.dumps(Malicious()), pickle.dumps(Malicious()) + b":" + b"0" * 40, b""])
def test_what_no_key_of_ours_has_signed_is_dropped_unread(queue: TaskQueue, data: bytes) -> None:
    queue.prepare()
    queue.huey.storage.enqueue(data)
    with pytest.raises(UnknownKey):
        queue.huey.dequeue()
    assert queue.huey.pending_count() == 0


def test_a_queue_that_is_down_costs_a_request_nothing_and_is_logged_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with closing(TaskQueue(f"sqlite:///{tmp_path / 'file' / 'queue.sqlite'}", Keys("a key"))) as queue:
        queue.add("look", lambda: None, timedelta(minutes=1))
        with capture_logs() as logged:
            assert not any(queue.task("look").wake() for _ in range(3))
    assert [line["event"] for line in logged] == ["queue unavailable; workers look at the outbox at intervals"]


def test_a_server_that_does_not_answer_delays_one_request(postgresql: PostgreSQL, tmp_path: Path) -> None:
    with postgresql.fresh() as url, closing(TaskQueue(url, Keys("a key"))) as queue:
        queue.add("look", lambda: None, timedelta(minutes=1))
        assert queue.task("look").wake()
        with postgresql.stopped():
            started = time.monotonic()
            assert not any(queue.task("look").begin() for _ in range(10))
            # Each would wait for 2 s.
            assert time.monotonic() - started < 10


def test_a_file_that_was_deleted_is_made_anew(queue: TaskQueue, url: str, open_queue: Callable[..., TaskQueue]) -> None:
    queue.task("look").wake()
    for path in Path(url.removeprefix("sqlite:///")).parent.glob("queue.sqlite*"):
        path.unlink()
    assert queue.task("look").wake()
    assert open_queue().huey.dequeue().name == "look"


@pytest.mark.parametrize("url", ["sqlite:///", "redis://:port/x", "redis://127.0.0.1/0?socket_timeout=none"])
def test_a_url_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="MAILROOM_QUEUE_URL"):
        TaskQueue(url, Keys("a key"))


@pytest.mark.parametrize("url", ["redis://:hunter2/a-slash@127.0.0.1/0", "postgresql://ada:1@a:hunter2/a-slash"])
def test_a_url_that_cannot_be_used_is_refused_without_the_password(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TaskQueue(url, Keys("a key"))
    # What a traceback shows.
    assert (caught.value.__cause__, caught.value.__suppress_context__) == (None, True)
    assert "hunter2" not in str(caught.value)
