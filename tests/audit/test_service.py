"""Recording entries, and reading them with each filter, page by page."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError

from tests.audit.conftest import NOON
from tests.support.browser import Browser
from tests.support.query_plans import query_plans
from tests.support.users import add_user
from webapp.accounts import audit_events
from webapp.accounts.models import User
from webapp.audit import service as audit
from webapp.audit.models import AuditEntry
from webapp.audit.service import PAGE_SIZE, Filter
from webapp.core.actor import Actor
from webapp.core.database import Database

AddEntry = Callable[..., int]
# Earlier than anything that the fixtures record.
LAST_YEAR = date(2025, 12, 31)


def entries(database: Database) -> list[AuditEntry]:
    with database.read() as session:
        return list(session.scalars(select(AuditEntry).order_by(AuditEntry.id)))


def list_ids(database: Database, entry_filter: Filter, before: int | None = None) -> list[int]:
    with database.read() as session:
        return [entry.id for entry in audit.list_entries(session, entry_filter, before)[0]]


class TestRecord:
    """Adding entries."""

    def test_an_entry_has_actor_subject_origin_and_data(self, database: Database, root: Actor) -> None:
        user_id = add_user(database, "ada@example.com")
        with database.transaction() as session:
            audit.record(session, audit_events.ROLE_CHANGED, session.get_one(User, user_id), role="member")
        entry = entries(database)[-1]
        assert (entry.actor_id, entry.actor_email) == (root.id, root.email)
        assert (entry.ip_address, entry.user_agent) == (root.ip_address, root.user_agent)
        assert (entry.subject_id, entry.subject_email) == (user_id, "ada@example.com")
        assert (entry.event, entry.data) == ("user.role_changed", {"role": "member"})

    def test_many_entries_are_added_as_one_by_one(self, database: Database, root: Actor) -> None:
        people = [Actor(1, "ada@example.com"), Actor(2, "zoë@exämple.com")]
        with database.transaction() as session:
            audit.record_all(session, audit_events.ROLE_CHANGED, people, role="member")
            for person in people:
                audit.record(session, audit_events.ROLE_CHANGED, person, role="member")
        found = [vars(entry) for entry in entries(database)[-4:]]
        differ = {"id", "happened_at", "_sa_instance_state"}
        many, single = found[:2], found[2:]
        assert [{k: v for k, v in one.items() if k not in differ} for one in many] == [
            {k: v for k, v in one.items() if k not in differ} for one in single
        ]

    def test_the_actor_is_the_signed_in_user(self, administrator: Browser, database: Database) -> None:
        administrator.submit("/settings/general", product_name="Acme", public_url="https://mail.example.com")
        entry = entries(database)[-1]
        assert (entry.actor_email, entry.ip_address) == (administrator.user.email, "127.0.0.1")
        assert sorted(entry.data["changed"]) == ["product_name", "public_url"]


CHANGES = ["UPDATE audit_entries SET event = 'x'", "DELETE FROM audit_entries"]
COLUMNS = "id, happened_at, event, actor_email, subject_email, ip_address, user_agent, data"
REPLACE = f"REPLACE INTO audit_entries ({COLUMNS}) SELECT {COLUMNS.replace('event', 'ip_address')} FROM audit_entries"


@pytest.mark.parametrize("statement", [*CHANGES, REPLACE])
def test_the_database_refuses_to_change_entries(database: Database, statement: str) -> None:
    if statement == REPLACE and database.engine.dialect.name != "sqlite":
        pytest.skip("only SQLite has REPLACE")
    with database.transaction() as session:
        audit.record(session, audit_events.USER_DELETED)
    with pytest.raises(DatabaseError, match="append-only"), database.transaction() as session:
        session.execute(text(statement))
    assert entries(database)[-1].event == "user.deleted"


class TestListEntries:
    """Reading entries."""

    def test_pages_follow_each_other_without_gaps_or_repetitions(self, database: Database, add_entry: AddEntry) -> None:
        times = [NOON + timedelta(seconds=number // 2) for number in range(PAGE_SIZE + 5)]
        ids = [add_entry(ip_address="192.0.2.7", at=at) for at in times]
        first = list_ids(database, Filter(ip_address="192.0.2.7"))
        assert first + list_ids(database, Filter(ip_address="192.0.2.7"), before=first[-1]) == ids[::-1]

    def test_later_entries_come_first_whatever_their_ids(self, database: Database, add_entry: AddEntry) -> None:
        late = add_entry(ip_address="192.0.2.7")
        early = add_entry(ip_address="192.0.2.7", at=NOON - timedelta(days=1))
        assert list_ids(database, Filter(ip_address="192.0.2.7")) == [late, early]

    def test_a_page_after_an_unknown_entry_is_empty(self, database: Database, add_entry: AddEntry) -> None:
        add_entry()
        for before in [0, -1, 10**30, 4711]:
            assert list_ids(database, Filter(), before) == []

    def test_each_filter_finds_only_what_matches(self, database: Database, add_entry: AddEntry) -> None:
        add_entry(at=NOON - timedelta(days=365), subject_email="eve@example.com", ip_address="192.0.2.9")
        people = {"subject_email": "ada@example.com", "actor_email": "root@example.com"}
        at = NOON.replace(year=2025, month=3, day=1, hour=23, minute=59)
        matching = add_entry(audit_events.LINK_CREATED, at=at, ip_address="2001:db8::1", **people)
        for entry_filter in (
            Filter(event="link.created"),
            Filter(ip_address="2001:db8::1"),
            Filter(person="ada@example.com"),
            Filter(person="root@example.com"),
            Filter(since=date(2025, 3, 1), until=date(2025, 3, 1)),
            Filter(person="ada@example.com", event="link.created", ip_address="2001:db8::1", until=LAST_YEAR),
        ):
            assert list_ids(database, entry_filter) == [matching], entry_filter

    def test_a_person_is_found_under_earlier_addresses_too(self, database: Database, add_entry: AddEntry) -> None:
        user_id = add_user(database, "ada@example.com")
        earlier = add_entry(subject_id=user_id, subject_email="ada.king@example.com")
        acted = add_entry(actor_id=user_id, actor_email="ada.king@example.com")
        assert list_ids(database, Filter(person="Ada@Example.com")) == [acted, earlier]

    def test_all_entries_are_read_in_chunks(self, database: Database, add_entry: AddEntry) -> None:
        ids = [add_entry(ip_address="192.0.2.7") for _ in range(5)]
        chunks = list(audit.read_all(database, Filter(ip_address="192.0.2.7"), chunk_size=2))
        assert [[entry.id for entry in chunk] for chunk in chunks] == [ids[4:2:-1], ids[2:0:-1], ids[:1]]


INDEXED = [
    (Filter(), ["happened_at"]),
    (Filter(event="link.created"), ["event"]),
    (Filter(ip_address="192.0.2.7"), ["ip_address"]),
    (Filter(person="ada@example.com"), ["actor_email", "subject_email", "actor_id", "subject_id"]),
]


@pytest.mark.parametrize("later", [False, True], ids=["first page", "later page"])
def test_a_page_is_read_from_an_index_alone(database: Database, add_entry: AddEntry, later: bool) -> None:
    """The index ends in the order of the page, so the time for a page does not grow with the trail."""
    add_user(database, "ada@example.com")
    before = add_entry() if later else None
    for entry_filter, columns in INDEXED:
        sent = query_plans(database, partial(audit.list_entries, entry_filter=entry_filter, before=before))
        plans = [plan for plan in sent if "ix_audit_entries_" in plan]
        for column, plan in zip(columns, plans, strict=True):
            assert re.search(rf"\bix_audit_entries_{column}\b", plan)
            # The end of the previous page limits what is read of the index, instead of filtering what was read.
            assert bool(re.search(r"happened_at(<|, id\) <)", plan)) == later
            assert [word for word in ("Filter", "Sort", "TEMP B-TREE") if word in plan] == []
