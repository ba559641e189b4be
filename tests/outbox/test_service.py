"""Reading the outbox: the time for a page doesn't grow with the number of messages."""

from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from tests.support.query_plans import query_plans
from webapp.core import clock
from webapp.core.database import Database
from webapp.outbox.service import StateFilter, list_messages
from webapp.outbox.status import delivery_status, recently_undelivered

# What waits has two states, so it is sorted.
NOT_SORTED = [one for one in StateFilter if one is not StateFilter.WAITING]


@pytest.mark.one_database
@pytest.mark.parametrize("before", [None, 1000], ids=["first page", "later page"])
@pytest.mark.parametrize("shown", NOT_SORTED)
def test_a_page_is_read_in_the_order_of_an_index(shown: StateFilter, before: int | None, database: Database) -> None:
    (plan,) = query_plans(database, lambda session: list_messages(session, shown, before))
    assert "TEMP B-TREE" not in plan
    # The primary key has the order of all messages.
    assert shown is StateFilter.ALL or "ix_messages_state" in plan


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("read", "condition"),
    [
        (lambda session: delivery_status(session, clock.now()), "(state=?)"),
        (lambda session: recently_undelivered(session, clock.now()), "(state=? AND finished_at>?)"),
    ],
)
def test_the_status_is_read_from_the_end_of_an_index(
    read: Callable[[Session], object], condition: str, database: Database
) -> None:
    plan, *_of_workers = query_plans(database, read)
    assert f"ix_messages_finished {condition}" in plan
    assert "TEMP B-TREE" not in plan
    assert "SCAN messages" not in plan
