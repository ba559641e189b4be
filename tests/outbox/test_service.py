"""Reading the status of delivery: its time doesn't grow with the number of messages."""

from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from tests.support.query_plans import query_plans
from webapp.core import clock
from webapp.core.database import Database
from webapp.outbox.status import delivery_status, recently_undelivered


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
