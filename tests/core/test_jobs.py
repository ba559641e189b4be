"""Background jobs: registered once, run in the threads of a worker, and none stops the others."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
from flask import Flask, current_app

from tests.support.running import until
from webapp.core import jobs, queue
from webapp.core.jobs import Job, JobRunner, get_runner
from webapp.core.queue import TaskQueue


class Keys:
    """The key that signs the tasks."""

    def signing_keys(self) -> tuple[str, ...]:
        return ("a key",)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    """An application that has only jobs."""
    app = Flask(__name__)
    app.extensions[queue.EXTENSION] = tasks = TaskQueue(f"sqlite:///{tmp_path / 'queue.sqlite'}", Keys())
    app.extensions[jobs.EXTENSION] = JobRunner(app)
    yield app
    tasks.close()


def test_a_job_is_a_task_of_the_queue_that_runs_in_an_application_context(app: Flask) -> None:
    runs: list[str] = []
    jobs.register_jobs(app, Job("look", lambda now: runs.append(current_app.name)))
    huey = queue.get_queue(app).huey
    assert queue.get_queue(app).task("look").wake()
    huey.execute(huey.dequeue())
    assert runs == [app.name]


@pytest.mark.parametrize(
    ("every", "minutes"),
    [(jobs.MINUTE, {0, 1, 10, 59}), (10 * jobs.MINUTE, {0, 10}), (jobs.HOUR, {0})],
)
def test_a_job_is_due_at_its_intervals(app: Flask, every: object, minutes: set[int]) -> None:
    jobs.register_jobs(app, Job("look", lambda now: None, every))  # type: ignore[arg-type]
    moments = {minute: datetime(2026, 11, 30, 12, minute) for minute in (0, 1, 10, 59)}
    due = {minute for minute, moment in moments.items() if queue.get_queue(app).huey.read_periodic(moment)}
    assert due == minutes


def test_a_job_that_fails_does_not_stop_the_others(app: Flask) -> None:
    def fail(now: datetime) -> None:
        raise ZeroDivisionError

    runs: list[datetime] = []
    jobs.register_jobs(app, failing := Job("fail", fail), other := Job("look", runs.append))
    for job in (failing, failing, other):
        get_runner(app).run(job)
    assert len(runs) == 1


def test_no_job_starts_once_the_worker_is_stopping(app: Flask) -> None:
    runs: list[datetime] = []
    jobs.register_jobs(app, job := Job("look", runs.append))
    get_runner(app).stopping.set()
    get_runner(app).run(job)
    assert runs == []


@pytest.mark.parametrize(("shared", "threads", "together"), [(False, 4, 1), (True, 4, 3), (True, 1, 1)])
def test_one_thread_runs_a_job_and_others_join_a_shared_one_that_takes_long(
    app: Flask, monkeypatch: pytest.MonkeyPatch, shared: bool, threads: int, together: int
) -> None:
    monkeypatch.setattr(jobs, "JOIN_AFTER", 0.05)
    release, running = threading.Event(), threading.Semaphore(0)

    def run(now: datetime) -> None:
        running.release()
        release.wait(10)

    jobs.register_jobs(app, job := Job("look", run, shared=shared))
    get_runner(app).use_threads(threads)
    with ThreadPoolExecutor(6) as pool:
        busy = []
        for _ in range(6):
            busy.append(pool.submit(get_runner(app).run, job))
            until(lambda: busy[-1].done() or running.acquire(blocking=False), 5)
        assert sum(not one.done() for one in busy) == together
        release.set()


def test_a_thread_that_comes_while_another_waits_leaves_the_work_to_that_one(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "JOIN_AFTER", 5)
    release, runs = threading.Event(), list[datetime]()

    def run(now: datetime) -> None:
        runs.append(now)
        release.wait(10)

    jobs.register_jobs(app, job := Job("look", run, shared=True))
    with ThreadPoolExecutor(3) as pool:
        first, waiting = (pool.submit(get_runner(app).run, job) for _ in range(2))
        time.sleep(0.2)
        pool.submit(get_runner(app).run, job).result(4)
        assert not any(one.done() for one in (first, waiting))
        release.set()
    assert len(runs) == 2
