"""The wake-up: it never fails a request, and it never piles up."""

import importlib.util
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from webapp.core.config import ConfigError
from webapp.outbox.queue import WakeUpQueue


@pytest.fixture
def queue(tmp_path: Path) -> WakeUpQueue:
    """A queue in a file of its own."""
    return WakeUpQueue(f"sqlite:///{tmp_path / 'queue.sqlite'}")


def test_a_wake_up_reaches_whoever_shares_the_file(queue: WakeUpQueue) -> None:
    queue.wake()
    assert WakeUpQueue(queue.url).was_woken()


def test_wake_ups_do_not_pile_up(queue: WakeUpQueue) -> None:
    for _ in range(3):
        queue.wake()
    assert [queue.was_woken(), queue.was_woken()] == [True, False]


def test_a_queue_that_is_unavailable_fails_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with capture_logs() as told:
        WakeUpQueue(f"sqlite:///{tmp_path / 'file' / 'queue.sqlite'}").wake()
    assert "the queue is unavailable" in told[0]["event"]


def test_a_file_without_a_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="MAILROOM_QUEUE_URL"):
        _ = WakeUpQueue("sqlite:///").huey


@pytest.mark.skipif(importlib.util.find_spec("redis") is not None, reason="the client of Redis is installed")
def test_redis_without_its_client_says_what_to_install() -> None:
    with pytest.raises(ConfigError, match=r"mailroom\[redis\]"):
        WakeUpQueue("redis://localhost")
