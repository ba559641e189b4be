"""The hourly jobs of all packages together: what they delete."""

from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from tests.support.postgresql import PostgreSQL
from tests.support.users import add_user
from webapp.accounts.links import service as links
from webapp.accounts.models import Link, LinkPurpose, User
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.core.jobs import cleanup_job, get_runner
from webapp.outbox.models import Message, MessageState


def test_old_rows_are_deleted_and_recent_ones_kept(app: Flask, database: Database) -> None:
    user_id, now = add_user(database, "eve@people.example"), clock.now()
    with database.transaction() as session:
        user = session.get_one(User, user_id)
        for days in (31, 29):
            links.create(session, user, LinkPurpose.RESET, now - timedelta(days=days))
        for days in (91, 89):
            session.add(sent_message(now - timedelta(days=days)))
    for job in get_runner(app).jobs:
        get_runner(app).run(job)
    with database.read() as session:
        assert (session.query(Link).count(), session.query(Message).count()) == (1, 1)


def sent_message(moment: datetime) -> Message:
    times = {"created_at": moment, "next_attempt_at": moment, "finished_at": moment}
    return Message(kind="test", recipient="eve@people.example", state=MessageState.SENT, **times)


class TestPostgreSQL:
    """What concerns only this database, as SQLite has a single writer."""

    @pytest.fixture
    def database_url(self, postgresql: PostgreSQL) -> str:
        return postgresql.wiped()

    def test_one_worker_at_a_time_cleans_up(self, state: AppState) -> None:
        runs: list[datetime] = []

        def clean_up(_session: Session, now: datetime) -> None:
            runs.append(now)
            # As another worker does meanwhile, over a connection of its own.
            job.run(now)

        job = cleanup_job("clean up", clean_up)
        job.run(clock.now())
        assert len(runs) == 1
