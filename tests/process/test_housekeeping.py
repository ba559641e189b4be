"""What is deleted when nobody needs it any more."""

from datetime import datetime, timedelta

from tests.support.people import add_person
from webapp.accounts.links import service as links
from webapp.accounts.models import Link, LinkPurpose, User
from webapp.core import clock
from webapp.core.database import Database
from webapp.outbox.models import Message, MessageState
from webapp.process import housekeeping


def test_housekeeping_deletes_what_is_long_over_and_nothing_else(database: Database) -> None:
    user_id, now = add_person(database, "eve@people.example"), clock.now()
    with database.transaction() as session:
        person = session.get_one(User, user_id)
        for days in (31, 29):
            links.create(session, person, LinkPurpose.RESET, now - timedelta(days=days))
        session.add(message(MessageState.QUEUED, now - timedelta(days=91)))
        for days in (91, 89):
            session.add(message(MessageState.SENT, now - timedelta(days=days)))
    housekeeping.tidy(database, now)
    with database.read() as session:
        assert session.query(Link).count() == 1
        assert session.query(Message).count() == 2


def message(state: MessageState, moment: datetime) -> Message:
    """One that was made, and finished if it is, at this moment."""
    times = {
        "created_at": moment,
        "next_attempt_at": moment,
        "finished_at": moment if state == MessageState.SENT else None,
    }
    return Message(template="test", recipient="eve@people.example", state=state, **times)
