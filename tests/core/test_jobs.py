"""Background jobs: registered once, run when due, and none stops the others."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask import Flask, current_app

from webapp.core.jobs import Job, JobRunner, jobs_of, register_jobs


@pytest.fixture
def app() -> Flask:
    return Flask(__name__)


def job(run: Callable[[datetime], None], name: str = "a job", every: float = 60) -> Job:
    return Job(name, run, timedelta(seconds=every), "delivery")


def test_a_job_belongs_to_one_group(app: Flask) -> None:
    one = job(lambda now: None)
    register_jobs(app, one)
    assert (jobs_of(app, "delivery"), jobs_of(app, "maintenance")) == ([one], [])


def test_a_job_runs_in_an_application_context_and_not_again_before_it_is_due(app: Flask) -> None:
    runs: list[str] = []
    runner = JobRunner(app, [job(lambda now: runs.append(current_app.name))])
    runner.run_due()
    runner.run_due()
    assert runs == [app.name]


def test_a_job_runs_again_when_it_is_due(app: Flask) -> None:
    runs: list[datetime] = []
    runner = JobRunner(app, [job(runs.append, every=0)])
    runner.run_due()
    runner.run_due()
    assert len(runs) == 2


def test_a_job_that_fails_does_not_stop_the_others(app: Flask) -> None:
    def fail(now: datetime) -> None:
        raise ZeroDivisionError

    runs: list[datetime] = []
    JobRunner(app, [job(fail), job(runs.append, "another job")]).run_due()
    assert len(runs) == 1


def test_no_job_starts_once_the_worker_is_stopping(app: Flask) -> None:
    runs: list[datetime] = []
    JobRunner(app, [job(runs.append)]).run_due(stopping=lambda: True)
    assert runs == []


def test_a_job_that_is_running_is_not_started_a_second_time(app: Flask) -> None:
    runs: list[datetime] = []

    def run_others(now: datetime) -> None:
        runs.append(now)
        runner.run_due()

    runner = JobRunner(app, [job(run_others, every=0)])
    runner.run_due()
    assert len(runs) == 1
