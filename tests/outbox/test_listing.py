"""The list of messages: what each filter shows, and that its time doesn't grow with the number of messages."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, update

from tests.conftest import Enqueue
from tests.support.query_plans import query_plans
from webapp.core.database import Database
from webapp.outbox import listing
from webapp.outbox.filters import Filter, StateFilter
from webapp.outbox.listing import COUNTED, Count, Page
from webapp.outbox.models import Message, MessageState
from webapp.outbox.sources import LOOKED_THROUGH, span_of

ReadPage = Callable[..., Page]
MAY_1 = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _context(app: Flask) -> Iterator[None]:
    """The filters ask which kinds are registered."""
    with app.app_context():
        yield


@pytest.fixture
def read_page(database: Database) -> ReadPage:
    """Read one page of a filter."""

    def read_page(*, before: int | None = None, page_size: int = 50, **wanted: object) -> Page:
        with database.read() as session:
            return listing.find(session, Filter(**wanted), before, page_size)  # type: ignore[arg-type]

    return read_page


@pytest.fixture
def outbox(enqueue: Enqueue, database: Database) -> None:
    """Four messages, queued on four days from May 1."""
    for kind, recipient in (
        ("activation", "Ada@Example.com"),
        ("activated", "adam@example.com"),
        ("activation", "bob@example.com.example"),
        ("activation", "adam@other.example"),
    ):
        enqueue(kind, recipient)
    change(database, 2, state=MessageState.FAILED)
    for number in range(4):
        change(database, number + 1, created_at=MAY_1 + timedelta(days=number))


def change(database: Database, message_id: int, **values: object) -> None:
    with database.transaction() as session:
        session.execute(update(Message).where(Message.id == message_id).values(**values))


def fill(database: Database, number: int) -> None:
    """Add messages to one address, sent but for the first, which failed."""
    values = {"kind": "activated", "recipient": "many@people.example", "created_at": MAY_1, "next_attempt_at": MAY_1}
    states = [MessageState.FAILED] + [MessageState.SENT] * (number - 1)
    with database.transaction() as session:
        session.execute(insert(Message), [{**values, "state": state, "attempts": 1} for state in states])


FOUND: list[tuple[dict[str, object], list[int]]] = [
    ({}, [4, 3, 2, 1]),
    ({"shown": StateFilter.WAITING}, [4, 3, 1]),
    ({"shown": StateFilter.FAILED}, [2]),
    ({"kind": "activation"}, [4, 3, 1]),
    ({"address": "ada@example.com"}, [1]),
    ({"address": "ADA@EXAMPLE"}, [1]),
    ({"address": "ada"}, [4, 2, 1]),
    ({"address": "adam@example.co"}, [2]),
    ({"address": "@example.com"}, [2, 1]),
    ({"address": "da"}, []),
    ({"address": "a%"}, []),
    ({"since": date(2026, 5, 3)}, [4, 3]),
    ({"until": date(2026, 5, 1)}, [1]),
    ({"since": date(2026, 5, 2), "until": date(2026, 5, 3)}, [3, 2]),
    ({"since": date(2026, 5, 5)}, []),
    ({"since": date.min, "until": date.max}, [4, 3, 2, 1]),
    ({"address": "ada", "kind": "activation"}, [4, 1]),
    ({"address": "ada", "shown": StateFilter.WAITING, "since": date(2026, 5, 2)}, [4]),
    ({"address": "@example.com", "kind": "activated", "shown": StateFilter.FAILED}, [2]),
    ({"address": "@example.com", "kind": "activation", "shown": StateFilter.FAILED}, []),
]


@pytest.mark.usefixtures("outbox")
def test_filters_can_be_combined(read_page: ReadPage) -> None:
    for wanted, expected in FOUND:
        assert [message.id for message in read_page(**wanted).messages] == expected, wanted


WANTED: list[dict[str, Any]] = [
    {},
    {"kind": "activation"},
    {"shown": StateFilter.WAITING},
    {"address": "a", "kind": "activation"},
]


@pytest.mark.usefixtures("outbox")
def test_pages_continue_where_the_last_one_ended(read_page: ReadPage) -> None:
    for wanted in WANTED:
        everything = [message.id for message in read_page(**wanted).messages]
        found, before = [], None
        for _page in everything:
            page = read_page(before=before, page_size=1, **wanted)
            found += [message.id for message in page.messages]
            before = page.older
        assert (found, before) == (everything, None)


def test_without_a_narrow_filter_a_page_says_that_it_stopped_looking(database: Database, read_page: ReadPage) -> None:
    fill(database, LOOKED_THROUGH + 2)
    wanted = {"address": "@people.example", "kind": "activated"}
    first = read_page(page_size=LOOKED_THROUGH, **wanted)
    assert (len(first.messages), first.looked_through) == (LOOKED_THROUGH, True)
    last = read_page(before=first.older, **wanted)
    assert ([message.id for message in last.messages], last.older, last.looked_through) == ([2, 1], None, False)


def test_one_narrow_filter_is_enough_to_look_through_everything(database: Database, read_page: ReadPage) -> None:
    fill(database, LOOKED_THROUGH + 2)
    page = read_page(address="many", kind="activated", shown=StateFilter.FAILED)
    assert ([message.id for message in page.messages], page.looked_through) == ([1], False)


@pytest.mark.usefixtures("outbox")
def test_tabs_count_what_they_would_show_with_the_other_filters(database: Database) -> None:
    with database.read() as session:
        counts = listing.count_states(session, Filter(StateFilter.FAILED, address="ada"))
    assert {tab: count.number for tab, count in counts.items() if count.number} == {"all": 3, "waiting": 2, "failed": 1}
    assert not any(count.or_more for count in counts.values())


def test_tabs_count_many_messages_as_far_as_a_limit(database: Database) -> None:
    fill(database, LOOKED_THROUGH + 2)
    with database.read() as session:
        counts = listing.count_states(session, Filter())
        of_others = listing.count_states(session, Filter(kind="activation", address="@people.example"))
    assert (counts[StateFilter.SENT], counts[StateFilter.FAILED]) == (Count(COUNTED, True), Count(1, False))
    assert of_others[StateFilter.SENT] == Count(0, False)


INDEXED: list[tuple[dict[str, Any], str]] = [
    ({}, ""),
    ({"kind": "activation"}, "ix_messages_kind"),
    ({"address": "@example.com"}, "ix_messages_recipient_domain"),
    ({"user_id": 7}, "ix_messages_user_id"),
    ({"application_id": 7}, "ix_messages_application_id"),
]


def test_a_page_is_read_in_the_order_of_an_index(database: Database) -> None:
    for wanted, index in INDEXED:
        for before in (None, 1000):
            find = partial(listing.find, wanted=Filter(**wanted), before=before)
            (plan,) = query_plans(database, find)
            assert index in plan
            assert not re.search("TEMP B-TREE|Sort|SCAN messages|Seq Scan", plan)


@pytest.mark.one_database
@pytest.mark.parametrize("shown", [StateFilter.SENT, StateFilter.FAILED])
def test_a_page_of_a_state_is_not_sorted(database: Database, shown: StateFilter) -> None:
    (plan,) = query_plans(database, lambda session: listing.find(session, Filter(shown)))
    assert "ix_messages_state" in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.one_database
def test_the_first_message_of_a_day_is_found_by_few_steps_through_the_ids(database: Database) -> None:
    days = Filter(since=date(2026, 5, 1), until=date(2026, 5, 2))
    plans = query_plans(database, lambda session: span_of(session, days))
    assert len(plans) == 2
    for plan in plans:
        assert "SEARCH messages USING INTEGER PRIMARY KEY" in plan
