"""The end of work: at a time, or when a person stops it."""

import socket
import threading
import time

import pytest

from webapp.core.deadlines import Deadline, Stopped


def test_a_part_ends_no_later_than_the_whole() -> None:
    whole = Deadline(0.2)
    assert whole.left() <= 0.2
    assert whole.part(60).left() <= 0.2
    assert whole.left(0.1) == 0.1
    with pytest.raises(TimeoutError):
        Deadline(0).left()


def test_stopping_wakes_whatever_waits_in_any_part() -> None:
    deadline, (ours, theirs), never = Deadline(), socket.socketpair(), threading.Event()
    ours.settimeout(30)
    reader = deadline.part(60).watch(ours)
    threading.Timer(0.1, deadline.stop).start()
    assert reader.recv(1) == b""
    with pytest.raises(Stopped):
        deadline.run(lambda: never.wait(30))
    with pytest.raises(Stopped):
        deadline.watch(theirs)
    never.set()
    ours.close()


def test_what_has_no_timeout_is_abandoned_at_the_end_and_otherwise_raises_its_own_errors() -> None:
    with pytest.raises(TimeoutError):
        Deadline(0.1).run(lambda: time.sleep(2))
    with pytest.raises(ZeroDivisionError):
        Deadline(5).run(lambda: 1 // 0)
