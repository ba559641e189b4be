"""The hourly jobs of all packages together: what they delete."""

from datetime import datetime, timedelta

from flask import Flask

from tests.support.users import add_user
from webapp.accounts.links import service as links
from webapp.accounts.models import Link, LinkPurpose, User
from webapp.core import clock
from webapp.core.database import Database
from webapp.core.jobs import get_runner
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
