"""What an import creates, skips and reports."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import select

from tests.accounts.conftest import ReadJob, RunJobs, Started
from tests.accounts.imports.conftest import People
from tests.support.browser import Browser
from webapp.accounts import audit_events
from webapp.accounts.bulk_jobs import runner
from webapp.accounts.bulk_jobs import service as bulk_jobs
from webapp.accounts.imports.options import Options
from webapp.accounts.imports.preview import preview
from webapp.accounts.imports.service import CHUNK, EmptyFile, NoEmailColumn, keep
from webapp.accounts.models import Role, User, UserState
from webapp.audit.models import AuditEntry
from webapp.core.actor import SYSTEM, Actor, set_actor
from webapp.core.database import Database
from webapp.outbox.models import Message

FILE = b"""Email;Name;Role;Language
ada@example.com;Ada;;
Zoe@Example.com;Zo\xc3\xab;admin;de
not an address;Bob;;
ada@EXAMPLE.com;Ada again;;
max@mailroom.example;Maximilian;;
"""


def test_people_are_created_with_name_role_and_language(started: Started, run_jobs: RunJobs, people: People) -> None:
    started(FILE)
    run_jobs()
    assert [(user.email, user.name, user.role, user.language, user.state) for user in people()] == [
        ("ada@example.com", "Ada", Role.MEMBER, None, UserState.PENDING),
        ("max@mailroom.example", "Maximilian", Role.MEMBER, None, UserState.PENDING),
        ("Zoe@example.com", "Zoë", Role.ADMINISTRATOR, "de", UserState.PENDING),
    ]


def test_existing_people_duplicates_and_bad_lines_are_skipped_and_counted(
    started: Started, run_jobs: RunJobs, read_job: ReadJob, member: Browser
) -> None:
    job_id = started(FILE)
    run_jobs()
    assert member.user.name != "Maximilian"
    assert read_job(job_id).outcomes == {"created": 2, "existing": 1, "duplicate": 1, "bad": 1}


def test_somebody_who_comes_again_much_later_in_the_file_is_a_duplicate(
    started: Started, run_jobs: RunJobs, read_job: ReadJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.accounts.imports.service.CHUNK", 2)
    job_id = started(FILE)
    run_jobs()
    assert read_job(job_id).outcomes == {"created": 3, "duplicate": 1, "bad": 1}


def test_the_preview_says_what_the_import_does(
    started: Started, run_jobs: RunJobs, read_job: ReadJob, database: Database, member: Browser
) -> None:
    job_id = started(FILE)
    shown = preview(database, job_id, Options.of(read_job(job_id)))
    run_jobs()
    assert (shown.new, shown.administrators, shown.existing, shown.duplicate, shown.bad) == (2, 1, 1, 1, 1)
    assert read_job(job_id).outcomes == {"created": 2, "existing": 1, "duplicate": 1, "bad": 1}


def test_activation_emails_are_queued_as_bulk_with_the_users(
    started: Started, run_jobs: RunJobs, database: Database, member: Browser
) -> None:
    started(FILE, send_activation=True)
    run_jobs()
    with database.read() as session:
        messages = session.execute(select(Message.recipient, Message.kind, Message.bulk, Message.expires_at)).all()
    assert sorted(messages)[0][:3] == ("Zoe@example.com", "activation", True)
    assert len(messages) == 2
    assert all(message.expires_at for message in messages)


def test_no_email_is_queued_unless_asked_for(
    started: Started, run_jobs: RunJobs, queued: Callable[[], list[tuple[str, str]]]
) -> None:
    started(FILE)
    run_jobs()
    assert queued() == []


def test_the_audit_trail_names_each_user_and_the_administrator(
    started: Started, run_jobs: RunJobs, database: Database, administrator: Browser
) -> None:
    set_actor(Actor(administrator.user_id, administrator.user.email))
    started(FILE, send_activation=True)
    set_actor(SYSTEM)
    run_jobs()
    with database.read() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.actor_id == administrator.user_id)).all()
        ids = set(session.scalars(select(User.id).where(User.id != administrator.user_id)))
    events = [entry.event for entry in entries]
    assert [events.count(event.key) for event in (audit_events.USER_CREATED, audit_events.ACTIVATION_REQUESTED)] == [
        len(ids),
        len(ids),
    ]
    assert (events[0], events[-1]) == (audit_events.BULK_JOB_STARTED.key, audit_events.BULK_JOB_FINISHED.key)
    assert {entry.subject_id for entry in entries} - {None} == ids


def test_the_file_is_deleted_at_the_end(started: Started, run_jobs: RunJobs, database: Database) -> None:
    job_id = started([FILE[:50], FILE[50:]])
    run_jobs()
    assert list(bulk_jobs.data_of(database, job_id)) == []


def test_an_empty_file_is_refused(started: Started) -> None:
    with pytest.raises(EmptyFile):
        started([])


def test_a_file_without_addresses_is_refused(started: Started) -> None:
    with pytest.raises(NoEmailColumn):
        started(b"a;b\nc;d\n")


HOSTILE = [
    b"\x00" * 5000,
    b'"' * 5000,
    b"ada@example.com," * 10_000,
    b"=1+1;ada@example.com\n@SUM(A1);@\n",
    b"ada@example.com\x00;\xff\xfe\n" * 100,
    b"email\n" + b"x" * 1_000_000 + b"@example.com\n",
]


def test_hostile_files_are_read_to_their_end(started: Started, run_jobs: RunJobs, read_job: ReadJob) -> None:
    for file in HOSTILE:
        job_id = started(file, columns={"email": 0, "name": 1})
        run_jobs()
        job = read_job(job_id)
        assert (job.state, sum(job.outcomes.values())) == ("finished", job.total)


def test_a_file_name_that_is_no_text_can_be_shown(database: Database, read_job: ReadJob) -> None:
    job_id = keep(database, [b"ada@example.com"], "\udcff\x1b.csv")
    assert read_job(job_id).options["file_name"] == "\ufffd\ufffd.csv"


def test_two_imports_of_the_same_people_at_once_create_each_person_once(
    app: Flask, database: Database, started: Started, read_job: ReadJob, people: People
) -> None:
    chunks = [[f"{letter}{number}@example.com\n".encode() for number in range(CHUNK)] for letter in "abc"]
    jobs = [started([b"".join(one) for one in chunks]), started([b"".join(reversed(one)) for one in chunks])]

    def carry_out(job_id: int) -> None:
        with app.app_context():
            if job := runner.claim(database, job_id):
                runner.run(database, job, lambda: False)

    with ThreadPoolExecutor() as threads:
        list(threads.map(carry_out, jobs))
    outcomes = [read_job(job_id).outcomes for job_id in jobs]
    assert len(people()) == sum(one.get("created", 0) for one in outcomes) == 3 * CHUNK
    assert [read_job(job_id).state for job_id in jobs] == ["finished", "finished"]
