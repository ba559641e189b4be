"""Messages that are queued for many users at once."""

from sqlalchemy import select

from tests.support.users import add_user
from webapp.accounts.models import User
from webapp.core.database import Database
from webapp.outbox import service
from webapp.outbox.models import Message, MessageState


def test_each_user_gets_one_bulk_message(database: Database) -> None:
    for email in ("ada@example.com", "eve@example.com"):
        add_user(database, email)
    with database.transaction() as session:
        users = list(session.scalars(select(User).order_by(User.id)))
        service.enqueue_all(session, "activation", users)
    with database.read() as session:
        queued = [
            (message.recipient, message.user_id, message.state, message.bulk)
            for message in session.scalars(select(Message).order_by(Message.id))
        ]
    assert queued == [(user.email, user.id, MessageState.QUEUED, True) for user in users]
