"""Bulk jobs: chunk by chunk, by one at a time, each entry once."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_babel import lazy_gettext as _
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from tests.accounts.conftest import ReadJob, RunJobs, Started
from tests.support.browser import Browser
from tests.support.running import running, until
from webapp.accounts.bulk_jobs import kinds, runner, service
from webapp.accounts.bulk_jobs.kinds import BulkJobKind, Chunk, Item
from webapp.accounts.bulk_jobs.models import BulkJob, BulkJobItem, JobState
from webapp.accounts.models import Role, User
from webapp.core import clock
from webapp.core.actor import SYSTEM, Actor, set_actor
from webapp.core.app_state import AppState
from webapp.core.config import Config
from webapp.core.database import Database
from webapp.core.errors import NotFound


@pytest.fixture
def counting(app: Flask) -> BulkJobKind:
    """A kind of job with entries from 1 to 6, two to a chunk; the fourth fails while "fails" is among the options."""

    def chunks(_database: Database, job: BulkJob) -> Iterator[Chunk]:
        for last in range(job.position + 2, 7, 2):
            yield Chunk(last, (last - 1, last))

    def process(_session: Session, job: BulkJob, chunk: Chunk) -> list[Item]:
        if 4 in chunk.entries and "fails" in job.options:
            raise ZeroDivisionError
        return [Item(number, "counted") for number in chunk.entries]

    kind = BulkJobKind("counting", _("Counting"), {"counted": _("Counted")}, chunks, process)
    kinds.register(app, kind)
    return kind


@pytest.fixture
def job(counting: BulkJobKind, database: Database) -> int:
    """A job that was started; its id."""
    return start(database)


def start(database: Database, **options: Any) -> int:
    with database.transaction() as session:
        created = service.create(session, "counting", options)
        return service.start(session, created.id, 6, options).id


def numbers(database: Database, job_id: int) -> list[int]:
    with database.read() as session:
        done = select(BulkJobItem.number).where(BulkJobItem.job_id == job_id).order_by(BulkJobItem.number)
        return list(session.scalars(done))


def test_a_job_is_carried_out_to_its_end(job: int, run_jobs: RunJobs, read_job: ReadJob, database: Database) -> None:
    run_jobs()
    ended = read_job(job)
    assert (ended.state, ended.done, ended.outcomes) == (JobState.FINISHED, 6, {"counted": 6})
    assert numbers(database, job) == [1, 2, 3, 4, 5, 6]


def test_a_worker_that_stops_leaves_the_rest_to_the_next(
    job: int, run_jobs: RunJobs, read_job: ReadJob, database: Database
) -> None:
    runner.run(database, _claimed(database, job), lambda: True)
    assert (read_job(job).state, read_job(job).done) == (JobState.RUNNING, 2)
    run_jobs()
    assert numbers(database, job) == [1, 2, 3, 4, 5, 6]


def test_nobody_takes_a_job_that_somebody_works_on(job: int, database: Database) -> None:
    assert _claimed(database, job)
    assert runner.claim(database) is None


def test_a_job_whose_worker_has_died_is_taken_over(job: int, database: Database) -> None:
    _claimed(database, job)
    with database.transaction() as session:
        session.execute(update(BulkJob).values(moved_at=clock.now() - runner.ABANDONED_AFTER))
    assert runner.claim(database) is not None


def test_a_worker_that_was_taken_for_dead_gives_up(
    job: int, run_jobs: RunJobs, read_job: ReadJob, database: Database
) -> None:
    slow = _claimed(database, job)
    with database.transaction() as session:
        session.execute(update(BulkJob).values(moved_at=None))
    runner.run(database, _claimed(database, job), lambda: True)
    runner.run(database, slow, lambda: False)
    assert (numbers(database, job), read_job(job).failures) == ([1, 2], 0)


def test_a_cancelled_job_keeps_what_was_done(
    job: int, run_jobs: RunJobs, read_job: ReadJob, database: Database
) -> None:
    runner.run(database, _claimed(database, job), lambda: True)
    with database.transaction() as session:
        service.request_cancel(session, job)
    run_jobs()
    assert (read_job(job).state, read_job(job).reason, numbers(database, job)) == (
        JobState.STOPPED,
        "cancelled",
        [1, 2],
    )


@pytest.mark.usefixtures("counting")
def test_a_job_stops_when_its_administrator_no_longer_is_one(
    administrator: Browser, run_jobs: RunJobs, read_job: ReadJob, database: Database
) -> None:
    set_actor(Actor(administrator.user_id))
    job = start(database)
    set_actor(SYSTEM)
    with database.transaction() as session:
        session.execute(update(User).values(role=Role.MEMBER))
    run_jobs()
    assert (read_job(job).reason, numbers(database, job)) == ("not_allowed", [])


@pytest.mark.usefixtures("counting")
def test_a_chunk_that_fails_is_tried_again_and_finally_stops_the_job(
    run_jobs: RunJobs, read_job: ReadJob, database: Database
) -> None:
    job = start(database, fails=True)
    for _attempt in range(runner.MAX_FAILURES):
        with database.transaction() as session:
            session.execute(update(BulkJob).values(moved_at=None))
        run_jobs()
    assert (read_job(job).reason, numbers(database, job)) == ("failed", [1, 2])


def test_old_reports_and_abandoned_drafts_are_deleted(
    job: int, run_jobs: RunJobs, read_job: ReadJob, database: Database
) -> None:
    run_jobs()
    with database.transaction() as session:
        draft = service.create(session, "counting", {}).id
        service.delete_old(session, clock.now() + service.DRAFT_RETENTION)
    assert numbers(database, job) == [1, 2, 3, 4, 5, 6]
    with pytest.raises(NotFound):
        read_job(draft)
    with database.transaction() as session:
        service.delete_old(session, clock.now() + service.RETENTION)
    assert numbers(database, job) == []


def test_a_killed_worker_leaves_an_import_that_goes_on_where_it_was(
    started: Started, read_job: ReadJob, state: AppState, config: Config, tmp_path: Path
) -> None:
    job_id = started(people_file(8_000))
    environ = environ_of(config)
    with running(tmp_path, "worker", environ=environ) as worker:
        until(lambda: read_job(job_id).done > 0)
        worker.process.send_signal(signal.SIGKILL)
        worker.process.wait()
    assert 0 < read_job(job_id).done < 8_000
    with running(tmp_path, "worker", environ=environ):
        until(lambda: not read_job(job_id).is_running)
    with state.database.read() as session:
        assert session.scalar(select(func.count()).select_from(User)) == 8_000
    assert (read_job(job_id).outcomes, len(numbers(state.database, job_id))) == ({"created": 8_000}, 8_000)


def people_file(number: int) -> bytes:
    return "".join(("Email;Name\n", *(f"person{index}@example.com;Person\n" for index in range(number)))).encode()


def environ_of(config: Config) -> dict[str, str]:
    return {
        "MAILROOM_INSTANCE": str(config.instance),
        "MAILROOM_DATABASE_URL": config.database_url,
        "MAILROOM_SECRET_KEY": config.secret_key,
    }


def _claimed(database: Database, job_id: int) -> BulkJob:
    job = runner.claim(database, job_id)
    assert job is not None
    return job
