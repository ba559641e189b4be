"""Waking the worker."""

import importlib.util
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from webapp.core.config import ConfigError
from webapp.outbox.queue import WakeUpQueue


@pytest.fixture
def queue(tmp_path: Path) -> WakeUpQueue:
    """An empty queue."""
    return WakeUpQueue(f"sqlite:///{tmp_path / 'queue.sqlite'}")


def test_a_wake_up_reaches_another_process_with_the_same_file(queue: WakeUpQueue) -> None:
    queue.wake()
    assert WakeUpQueue(queue.url).was_woken()


def test_a_second_wake_up_changes_nothing(queue: WakeUpQueue) -> None:
    for _ in range(3):
        queue.wake()
    assert [queue.was_woken(), queue.was_woken()] == [True, False]


def test_an_unavailable_queue_is_logged_and_raises_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with capture_logs() as logged:
        WakeUpQueue(f"sqlite:///{tmp_path / 'file' / 'queue.sqlite'}").wake()
    assert "queue unavailable" in logged[0]["event"]


def test_a_url_without_a_file_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="MAILROOM_QUEUE_URL"):
        _ = WakeUpQueue("sqlite:///").huey


@pytest.mark.skipif(importlib.util.find_spec("redis") is not None, reason="the client of Redis is installed")
def test_redis_without_its_client_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"mailroom\[redis\]"):
        WakeUpQueue("redis://localhost")
