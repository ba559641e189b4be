"""Reading the trail: what each filter finds, page by page."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from tests.audit.conftest import NOON
from tests.support.people import add_person
from webapp.accounts import events
from webapp.accounts.models import User
from webapp.audit import trail
from webapp.audit.trail import PAGE_SIZE, Filter
from webapp.core.database import Database

pytestmark = pytest.mark.usefixtures("app_context")

Happened = Callable[..., int]
# Before anything that the fixtures leave in the trail.
LAST_YEAR = date(2025, 12, 31)


def found(database: Database, wanted: Filter, before: int | None = None) -> list[int]:
    with database.read() as session:
        return [entry.id for entry in trail.list_entries(session, wanted, before)[0]]


def test_pages_follow_each_other_without_gap_or_repetition(database: Database, happened: Happened) -> None:
    ids = [happened(client="192.0.2.7", at=NOON + timedelta(seconds=number // 2)) for number in range(PAGE_SIZE + 5)]
    wanted = Filter(client="192.0.2.7")
    first = found(database, wanted)
    assert first + found(database, wanted, before=first[-1]) == ids[::-1]


def test_what_happened_later_comes_first_whatever_its_number(database: Database, happened: Happened) -> None:
    late, early = happened(client="192.0.2.7"), happened(client="192.0.2.7", at=NOON - timedelta(days=1))
    assert found(database, Filter(client="192.0.2.7")) == [late, early]


@pytest.mark.parametrize("before", [0, -1, 10**30, 4711])
def test_a_page_after_no_entry_is_empty(database: Database, happened: Happened, before: int) -> None:
    happened()
    assert found(database, Filter(), before) == []


@pytest.mark.parametrize(
    "wanted",
    [
        Filter(event="link.created"),
        Filter(client="2001:db8::1"),
        Filter(person="ada@example.com"),
        Filter(person="root@example.com"),
        Filter(since=date(2025, 3, 1), until=date(2025, 3, 1)),
        Filter(person="ada@example.com", event="link.created", client="2001:db8::1", until=LAST_YEAR),
    ],
)
def test_each_way_to_narrow_it_finds_what_fits_alone(database: Database, happened: Happened, wanted: Filter) -> None:
    happened(at=NOON - timedelta(days=365), person_email="eve@example.com", client="192.0.2.9")
    day = NOON.replace(year=2025, month=3, day=1, hour=23, minute=59)
    wanted_id = happened(
        events.LINK_CREATED, at=day, person_email="ada@example.com", by_email="root@example.com", client="2001:db8::1"
    )
    assert found(database, wanted) == [wanted_id]


def test_a_person_is_found_under_earlier_addresses_too(database: Database, happened: Happened) -> None:
    user_id = add_person(database, "new@example.com")
    did, suffered = happened(by_id=user_id, by_email="old@example.com"), happened(person_id=user_id)
    assert found(database, Filter(person="NEW@example.com")) == [suffered, did]
    with database.transaction() as session:
        session.delete(session.get_one(User, user_id))
    assert found(database, Filter(person="old@example.com")) == [did]


def test_all_of_it_is_read_in_pieces(database: Database, happened: Happened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail, "CHUNK", 2)
    ids = [happened(client="192.0.2.7") for _ in range(5)]
    pieces = list(trail.chunks(database, Filter(client="192.0.2.7")))
    assert [[entry.id for entry in piece] for piece in pieces] == [ids[4:2:-1], ids[2:0:-1], ids[:1]]


@pytest.mark.parametrize("later", [False, True], ids=["the first page", "a later page"])
@pytest.mark.parametrize(
    ("wanted", "columns"),
    [
        (Filter(), ["happened_at"]),
        (Filter(event="link.created"), ["event"]),
        (Filter(client="192.0.2.7"), ["client"]),
        (Filter(person="ada@example.com"), ["by_email", "person_email", "by_id", "person_id"]),
    ],
)
def test_nothing_is_sorted_or_read_in_vain(
    database: Database, happened: Happened, wanted: Filter, columns: list[str], later: bool
) -> None:
    """With an index that ends in the order, the time for a page does not grow with the trail."""
    add_person(database, "ada@example.com")
    found = plans(database, wanted, happened() if later else None)
    for column, plan in zip(columns, found, strict=True):
        assert re.search(rf"\bix_audit_entries_{column}\b", plan)
        # The end of the page before bounds what is read of the index: it is no filter of what was read.
        assert bool(re.search(r"happened_at(<|, id\) <)", plan)) == later
        assert [word for word in ("Filter", "Sort", "TEMP B-TREE") if word in plan] == []


def plans(database: Database, wanted: Filter, before: int | None) -> list[str]:
    """How the database goes about each statement that reads a page."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        sent.append((statement, parameters))

    with database.read() as session:
        connection, explain = session.connection(), "EXPLAIN QUERY PLAN"
        if connection.dialect.name == "postgresql":
            explain = "EXPLAIN"
            for way in ("seqscan", "bitmapscan"):
                session.execute(text(f"SET LOCAL enable_{way} = off"))
        event.listen(connection, "before_cursor_execute", note)
        trail.list_entries(session, wanted, before)
        event.remove(connection, "before_cursor_execute", note)
        pages = [one for one in sent if "ORDER BY" in one[0]]
        return ["\n".join(row[-1] for row in connection.exec_driver_sql(f"{explain} {sql}", of)) for sql, of in pages]
