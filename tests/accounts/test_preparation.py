"""Many messages to users, prepared at once."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from flask import Flask
from sqlalchemy import event, select, update

from tests.accounts.conftest import run_at_once
from tests.conftest import Enqueue
from tests.support.users import add_user
from webapp.accounts import audit_events, service
from webapp.accounts.links import service as links
from webapp.accounts.models import LinkPurpose, User, UserState
from webapp.audit.models import AuditEntry
from webapp.core import clock
from webapp.core.database import Database
from webapp.outbox.kinds import PreparedMessage, Unwanted
from webapp.outbox.models import Message
from webapp.outbox.preparation import Outcome, prepare

PrepareAll = Callable[..., list[Outcome]]


@pytest.fixture
def prepare_all(app: Flask, database: Database) -> PrepareAll:
    """Prepare all queued messages, or those of one kind, as one batch."""

    def prepare_all(*kinds: str) -> list[Outcome]:
        with database.read() as session:
            found = session.scalars(select(Message).order_by(Message.id)).all()
        messages = [message for message in found if not kinds or message.kind in kinds]
        with app.app_context():
            outcomes = prepare(database, messages)
        return [outcomes[message.id] for message in messages]

    return prepare_all


@pytest.fixture
def invited(database: Database, enqueue: Enqueue) -> list[int]:
    """The ids of twenty pending users, each with a queued activation email and a requested reset."""
    until = clock.now() + timedelta(hours=1)
    # The last address comes first, so that the order of addresses is not that of ids.
    emails = [f"user{number:02}@example.com" for number in range(20, 0, -1)]
    ids = [add_user(database, email, state=UserState.PENDING) for email in emails]
    for user_id, email in zip(ids, emails, strict=True):
        enqueue("activation", email, user_id=user_id, expires_at=until)
        enqueue("reset", email, expires_at=until)
    return ids


def test_each_gets_a_link_and_code_of_its_own_that_work(
    invited: list[int], prepare_all: PrepareAll, database: Database
) -> None:
    prepared = [one for one in prepare_all() if isinstance(one, PreparedMessage)]
    assert len({one.link_path for one in prepared}) == len({one.data["code"] for one in prepared}) == 40
    with database.transaction() as session:
        for one in prepared:
            link = links.find(session, one.link_path.removeprefix("/activate/"), LinkPurpose.ACTIVATION)
            assert links.get_user(session, link).email == one.recipient


def test_each_link_has_an_entry_in_the_audit_trail(
    invited: list[int], prepare_all: PrepareAll, database: Database
) -> None:
    prepare_all()
    with database.read() as session:
        created = session.scalars(select(AuditEntry).where(AuditEntry.event == audit_events.LINK_CREATED.key)).all()
        emails = session.scalars(select(User.email)).all()
    assert sorted(entry.subject_email for entry in created) == sorted([*emails, *emails])
    assert {entry.subject_id for entry in created} == set(invited)
    assert {entry.data["purpose"] for entry in created} == {"activation"}


def test_one_that_is_unwanted_says_why_and_the_others_are_prepared(
    pat: User, ada: User, enqueue: Enqueue, prepare_all: PrepareAll, database: Database
) -> None:
    for user in (pat, ada):
        enqueue("activation", user.email, user_id=user.id)
    enqueue("activation", "gone@example.com", user_id=add_user(database, "gone@example.com", state=UserState.DISABLED))
    wanted, *unwanted = prepare_all()
    assert isinstance(wanted, PreparedMessage)
    assert [one.code for one in unwanted if isinstance(one, Unwanted)] == ["already_active", "account_disabled"]


def test_a_link_made_before_is_found_again_and_an_ended_one_ends_its_message(
    invited: list[int], prepare_all: PrepareAll, database: Database
) -> None:
    first = prepare_all("activation")
    with database.transaction() as session:
        links.revoke(session, invited[0], LinkPurpose.ACTIVATION)
    ended, *again = prepare_all("activation")
    assert again == first[1:]
    assert isinstance(ended, Unwanted)
    assert ended.code == "link_ended"


def test_many_are_prepared_in_few_statements(invited: list[int], prepare_all: PrepareAll, database: Database) -> None:
    verbs = []

    @partial(event.listen, database.engine, "before_cursor_execute")
    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if re.search("FROM users|links|audit_entries", statement):
            verbs.append(statement.split()[0])

    prepare_all("activation")
    assert verbs == ["SELECT", "SELECT", "INSERT", "INSERT"]


def test_workers_and_requests_that_lock_the_same_users_do_not_block_each_other_for_good(
    invited: list[int], prepare_all: PrepareAll, database: Database
) -> None:
    if database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite's writers always wait for each other.")

    with database.transaction() as session:
        # PostgreSQL then reads the first ones last.
        session.execute(update(User).where(User.id <= invited[9]).values(name="Moved"))

    def lock_all() -> None:
        with database.transaction() as session:
            for user_id in invited:
                service.get_user(session, user_id, lock=True)

    for _round in range(4):
        results = run_at_once([partial(prepare_all, "activation"), partial(prepare_all, "reset"), lock_all])
        assert not [one for one in results if isinstance(one, Exception)]


def test_somebody_who_is_being_disabled_gets_no_link(
    pat: User, enqueue: Enqueue, prepare_all: PrepareAll, database: Database
) -> None:
    enqueue("activation", pat.email, user_id=pat.id)
    with ThreadPoolExecutor(1) as pool, database.transaction() as session:
        service.get_user(session, pat.id, lock=True).state = UserState.DISABLED
        prepared = pool.submit(prepare_all)
        with pytest.raises(TimeoutError):
            prepared.result(timeout=0.3)
        session.commit()
        (outcome,) = prepared.result()
    assert isinstance(outcome, Unwanted)
