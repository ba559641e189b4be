"""Resending the activation email to many users."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from tests.accounts.conftest import Deliver, Queued, ReadJob, RunJobs, set_state
from tests.support.browser import Browser
from tests.support.inbox import Inbox
from tests.support.users import add_user
from webapp.accounts.bulk_jobs.models import BulkJobItem, JobState
from webapp.accounts.models import User, UserState
from webapp.accounts.users import resending
from webapp.accounts.users.listing import UserFilter
from webapp.accounts.users.resending import Selection
from webapp.audit.models import AuditEntry
from webapp.core.database import Database
from webapp.outbox.models import Message

EVERYBODY = UserFilter()
Start = Callable[..., int]


@pytest.fixture
def people(database: Database) -> list[int]:
    """The ids of seven pending users and an active one, oldest first."""
    pending = [add_user(database, f"p{number}@example.com", state=UserState.PENDING) for number in range(7)]
    return [*pending, add_user(database, "active@example.com")]


@pytest.fixture
def start(database: Database, app: Flask) -> Start:
    """Start to resend to those a filter shows, or to these ids; return the job's id."""
    return lambda user_filter=EVERYBODY, ids=(): resending.start(database, Selection(user_filter, list(ids)))


def outcomes(database: Database, job_id: int) -> dict[str, str]:
    with database.read() as session:
        items = session.scalars(select(BulkJobItem).where(BulkJobItem.job_id == job_id))
        return {item.email: item.outcome for item in items}


class TestJob:
    """The work in the background."""

    def test_each_pending_user_gets_one_bulk_email_in_chunks(
        self,
        people: list[int],
        start: Start,
        run_jobs: RunJobs,
        read_job: ReadJob,
        database: Database,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(resending, "CHUNK_SIZE", 3)
        job_id = start()
        run_jobs()
        job = read_job(job_id)
        assert (job.state, job.done, job.total, job.outcomes) == (JobState.FINISHED, 7, 7, {"queued": 7})
        with database.read() as session:
            messages = session.scalars(select(Message).order_by(Message.user_id)).all()
        assert [(one.user_id, one.kind, one.bulk) for one in messages] == [
            (id_, "activation", True) for id_ in people[:7]
        ]

    def test_who_has_one_waiting_was_activated_meanwhile_or_is_new_gets_none(
        self, people: list[int], start: Start, run_jobs: RunJobs, read_job: ReadJob, database: Database
    ) -> None:
        start(ids=people[:1])
        run_jobs()
        job_id = start()
        add_user(database, "new@example.com", state=UserState.PENDING)
        with database.read() as session:
            chunk = next(resending.read_chunks(database, read_job(job_id)))
        with database.read() as session:
            set_state(database, session.get_one(User, people[1]), UserState.ACTIVE)
        with database.transaction() as session:
            items = resending.process(session, read_job(job_id), chunk)
        assert [item.outcome for item in items] == ["waiting", "not_pending", *["queued"] * 5]

    def test_filters_and_ticks_choose_who_gets_one(
        self, people: list[int], start: Start, run_jobs: RunJobs, queued: Queued
    ) -> None:
        start(UserFilter("p3"))
        start(UserFilter(state="active"))
        start(ids=[people[5], people[7]])
        run_jobs()
        assert queued() == [("activation", "p3@example.com"), ("activation", "p5@example.com")]

    def test_the_trail_says_who_did_it_and_who_gets_one(
        self, administrator: Browser, people: list[int], run_jobs: RunJobs, database: Database
    ) -> None:
        administrator.submit("/users/resend?search=p3", search="p3")
        run_jobs()
        with database.read() as session:
            of_job = AuditEntry.event.in_(("bulk_job.started", "activation.requested", "bulk_job.finished"))
            entries = session.scalars(select(AuditEntry).where(of_job).order_by(AuditEntry.id)).all()
        assert {entry.actor_email for entry in entries} == {administrator.user.email}
        assert [entry.subject_email for entry in entries] == ["", "p3@example.com", ""]


@pytest.mark.one_database
class TestPages:
    """From the list to the progress of the job."""

    def test_the_page_says_how_many_get_an_email_before_anything_is_sent(
        self, administrator: Browser, people: list[int], queued: Queued, run_jobs: RunJobs
    ) -> None:
        page = administrator.get("/users/resend?search=example.com")
        assert "7 people get a new activation email." in page.text
        started = administrator.submit_on(page, search="example.com")
        assert re.fullmatch(r"/users/jobs/\d+", started.request.path)
        assert queued() == []
        run_jobs()
        assert len(queued()) == 7
        assert "Email queued" in administrator.get(started.request.path).text

    def test_the_page_lists_what_was_resent_before(self, administrator: Browser, people: list[int]) -> None:
        started = administrator.submit("/users/resend?search=p3", search="p3").request.path
        assert f'href="{started}"' in administrator.get("/users/resend").text

    def test_ticked_users_stay_chosen(
        self, administrator: Browser, people: list[int], run_jobs: RunJobs, queued: Queued
    ) -> None:
        page = administrator.get(f"/users/resend?ticked=1&user={people[2]}&user={people[4]}&user=x")
        assert "2 people get a new activation email." in page.text
        administrator.submit_on(page, ticked="1")
        run_jobs()
        assert queued() == [("activation", "p2@example.com"), ("activation", "p4@example.com")]

    def test_without_a_tick_nobody_is_chosen(self, administrator: Browser, people: list[int]) -> None:
        page = administrator.get("/users/resend?ticked=1&search=example")
        assert (page.request.full_path, "Select the users first." in page.text) == ("/users?search=example", True)

    def test_nobody_to_send_to_is_said(self, administrator: Browser, people: list[int]) -> None:
        page = administrator.get("/users/resend?state=active")
        assert "nobody to send an email to" in page.text
        assert 'type="submit"' not in page.text.partition("<main")[2].partition("</form>")[0]

    def test_a_stale_page_sends_nothing(self, administrator: Browser, people: list[int]) -> None:
        page = administrator.post("/users/resend", csrf_token="x", search="example")
        assert "This page was open too long" in page.text

    def test_the_list_offers_it_for_pending_users(self, administrator: Browser, people: list[int]) -> None:
        page = administrator.get("/users").text
        ticks = re.findall(r'type="checkbox" name="user" value="(\d+)" form="resend"', page)
        assert sorted(map(int, ticks)) == people[:7]
        assert '<form class="next-steps" method="get" action="/users/resend" id="resend">' in page
        assert 'href="/users/resend?search=p3"' in administrator.get("/users?search=p3").text
        assert "/users/resend" not in administrator.get("/users?state=active").text

    def test_nothing_is_offered_once_everybody_is_active(self, administrator: Browser) -> None:
        assert "resend" not in administrator.get("/users").text


def test_a_link_that_was_sent_before_keeps_working(
    pat: User, start: Start, run_jobs: RunJobs, deliver: Deliver, inbox: Inbox, app: Flask
) -> None:
    for _time in range(2):
        start(ids=[pat.id])
        run_jobs()
        deliver()
    first, second = inbox.messages
    assert first.link != second.link
    for email in (first, second):
        assert "Choose a password" in Browser(app).get(email.link.removeprefix("https://mailroom.example")).text
