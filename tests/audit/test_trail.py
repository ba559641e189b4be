"""Reading the trail: what each filter finds, page by page."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlalchemy import text

from tests.audit.conftest import NOON
from tests.support.people import add_person
from webapp.accounts.models import User
from webapp.audit import trail
from webapp.audit.events import Event
from webapp.audit.trail import PAGE, Filter
from webapp.database import Database

Happened = Callable[..., int]
# Before anything that the fixtures leave in the trail.
LAST_YEAR = date(2025, 12, 31)


def found(database: Database, wanted: Filter, before: int | None = None) -> list[int]:
    with database.reading() as session:
        return [entry.id for entry in trail.page(session, wanted, before)[0]]


def test_pages_follow_each_other_without_gap_or_repetition(database: Database, happened: Happened) -> None:
    ids = [happened(client="192.0.2.7", at=NOON + timedelta(seconds=number // 2)) for number in range(PAGE + 5)]
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
        Filter(event="link made"),
        Filter(client="2001:db8::1"),
        Filter(person="ada@example.com"),
        Filter(person="root@example.com"),
        Filter(since=date(2025, 3, 1), until=date(2025, 3, 1)),
        Filter(person="ada@example.com", event="link made", client="2001:db8::1", until=LAST_YEAR),
    ],
)
def test_each_way_to_narrow_it_finds_what_fits_alone(database: Database, happened: Happened, wanted: Filter) -> None:
    happened(at=NOON - timedelta(days=365), person_email="eve@example.com", client="192.0.2.9")
    day = NOON.replace(year=2025, month=3, day=1, hour=23, minute=59)
    wanted_id = happened(
        Event.LINK_MADE, at=day, person_email="ada@example.com", by_email="root@example.com", client="2001:db8::1"
    )
    assert found(database, wanted) == [wanted_id]


def test_a_person_is_found_under_earlier_addresses_too(database: Database, happened: Happened) -> None:
    user_id = add_person(database, "new@example.com")
    did, suffered = happened(by_id=user_id, by_email="old@example.com"), happened(person_id=user_id)
    assert found(database, Filter(person="NEW@example.com")) == [suffered, did]
    with database.writing() as session:
        session.delete(session.get_one(User, user_id))
    assert found(database, Filter(person="old@example.com")) == [did]


def test_all_of_it_is_read_in_pieces(database: Database, happened: Happened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail, "CHUNK", 2)
    ids = [happened(client="192.0.2.7") for _ in range(5)]
    pieces = list(trail.chunks(database, Filter(client="192.0.2.7")))
    assert [[entry.id for entry in piece] for piece in pieces] == [ids[4:2:-1], ids[2:0:-1], ids[:1]]


@pytest.mark.parametrize("column", ["event", "client", "by_id", "by_email", "person_id", "person_email"])
def test_nothing_is_sorted_or_read_in_vain(database: Database, column: str) -> None:
    """With an index that ends in the order, the time for a page does not grow with the trail."""
    statement = f"SELECT id FROM audit_entries WHERE {column} = '1' ORDER BY happened_at DESC, id DESC LIMIT 51"
    with database.reading() as session:
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text("SET LOCAL enable_seqscan = off"))
            plan = "\n".join(session.scalars(text(f"EXPLAIN {statement}")))
        else:
            plan = "\n".join(row[-1] for row in session.execute(text(f"EXPLAIN QUERY PLAN {statement}")))
    assert f"ix_audit_entries_{column}" in plan
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan
