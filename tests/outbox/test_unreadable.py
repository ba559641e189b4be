"""Rows whose JSON columns hold something else, as after a repair of the database by hand."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from tests.conftest import Enqueue, GetMessage
from tests.support.browser import Browser
from tests.support.inbox import Inbox
from webapp.core.database import Database
from webapp.outbox.models import MessageState

Damage = Callable[..., None]
BROKEN = ["{'a': 1", "", "\x00", "[1]", '"text"']


@pytest.fixture
def damage(database: Database) -> Damage:
    """Write something into a column of one message; PostgreSQL accepts nothing but JSON there."""

    def damage(message_id: int, value: str, column: str = "data") -> None:
        with database.transaction() as session:
            postgresql = session.get_bind().dialect.name == "postgresql"
            value = "[1]" if postgresql else value
            session.execute(
                text(f"UPDATE messages SET {column} = :value WHERE id = :id"), {"value": value, "id": message_id}
            )

    return damage


def test_it_fails_by_itself_and_the_others_are_sent(
    enqueue: Enqueue, damage: Damage, deliver: Callable[[], None], inbox: Inbox, get_message: GetMessage
) -> None:
    broken, good = {enqueue(): value for value in BROKEN}, enqueue()
    for message_id, value in broken.items():
        damage(message_id, value)
    deliver()
    assert ({get_message(one).state for one in broken}, get_message(good).state) == (
        {MessageState.FAILED},
        MessageState.SENT,
    )


@pytest.mark.parametrize("column", ["data", "failure_params"])
def test_the_outbox_shows_it(
    administrator: Browser,
    enqueue: Enqueue,
    damage: Damage,
    deliver: Callable[[], None],
    use_server: Callable[..., None],
    column: str,
) -> None:
    use_server()
    message_id = enqueue()
    deliver()
    damage(message_id, "{", column)
    for path in ("/", "/outbox", f"/outbox/{message_id}"):
        assert administrator.get(path).status_code == 200
