"""Requests with an Idempotency-Key are carried out once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from tests.api.conftest import Program, wrong_fields
from webapp.api import idempotency
from webapp.api.models import IdempotencyKey
from webapp.applications.models import Application
from webapp.core import clock
from webapp.core.database import Database
from webapp.outbox.submissions.models import Submission

KEY = "8e03978e-40d5-43e8-bc93-6894a57f9324"


def submissions(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count(Submission.id))) or 0


def test_a_repeated_request_gets_the_same_response(shop: Program, database: Database) -> None:
    first, again = shop.submit(KEY), shop.submit(KEY)
    assert (again.json, again.status_code, again.location) == (first.json, 202, first.location)
    assert ("Idempotency-Replayed" in first.headers, again.headers["Idempotency-Replayed"]) == (False, "true")
    assert submissions(database) == 1


def test_another_request_with_the_key_is_refused(shop: Program, database: Database) -> None:
    url = shop.submit(KEY).location
    for answer in (shop.submit(KEY, subject="Another"), shop.post(f"{url}/cancel", key=KEY)):
        assert (answer.status_code, answer.json["type"]) == (422, "/api/v1/docs#idempotency-key-reused")  # type: ignore[index]
        assert list(wrong_fields(answer)) == ["Idempotency-Key"]
    assert submissions(database) == 1


def test_each_application_has_keys_of_its_own(shop: Program, other: Program, database: Database) -> None:
    shop.submit(KEY)
    assert other.submit(KEY, **{"from": "a@other.example"}).status_code == 202
    assert submissions(database) == 2


def test_a_refused_request_leaves_the_key_to_the_corrected_one(shop: Program, database: Database) -> None:
    assert shop.submit(KEY, subject=7).status_code == 422
    assert shop.submit(KEY, **{"from": "eve@evil.example"}).status_code == 403
    assert shop.submit(KEY).status_code == 202
    cancel = f"{shop.submit().location}/cancel"
    assert [shop.post(cancel, key=key).status_code for key in ("1", "2", "2", "1")] == [200, 409, 409, 200]


def test_of_many_at_once_one_is_carried_out(shop: Program, database: Database) -> None:
    with ThreadPoolExecutor(8) as clients:
        answers = [one.result() for one in [clients.submit(shop.submit, KEY) for _ in range(8)]]
    assert {(answer.status_code, answer.location) for answer in answers} == {(202, answers[0].location)}
    assert submissions(database) == 1


def test_of_many_at_once_each_is_told_why_it_is_refused(shop: Program) -> None:
    email = {"from": "eve@evil.example"}
    with ThreadPoolExecutor(16) as clients:
        answers = [one.result() for one in [clients.submit(shop.submit, KEY, **email) for _ in range(16)]]
    assert {answer.status_code for answer in answers} == {403}


def test_a_key_is_forgotten_after_a_day(shop: Program, database: Database) -> None:
    first = shop.submit(KEY).location
    with database.transaction() as session:
        session.execute(update(IdempotencyKey).values(created_at=clock.now() - timedelta(hours=24)))
    assert shop.submit(KEY).location != first
    with database.transaction() as session:
        idempotency.delete_old(session, clock.now() + timedelta(hours=23))
        assert session.scalar(select(func.count(IdempotencyKey.id))) == 1
        idempotency.delete_old(session, clock.now() + timedelta(hours=25))
        assert session.scalar(select(func.count(IdempotencyKey.id))) == 0


@pytest.mark.one_database
def test_nothing_of_the_request_or_the_response_is_readable_in_the_database(shop: Program, database: Database) -> None:
    message_id = shop.submit(KEY).location.rpartition("/")[2]
    with database.read() as session:
        row = session.scalars(select(IdempotencyKey)).one()
        kept = f"{row.id} {row.request_hash} {row.sealed_response}"
    assert not any(text in kept for text in (KEY, message_id))


@pytest.mark.one_database
def test_deleting_the_application_deletes_its_keys(shop: Program, database: Database) -> None:
    shop.submit(KEY)
    with database.transaction() as session:
        session.delete(session.get_one(Application, 1))
    with database.read() as session:
        assert session.scalar(select(func.count(IdempotencyKey.id))) == 0


@pytest.mark.one_database
def test_a_key_that_is_not_valid_is_named(shop: Program) -> None:
    for key in ("a b", "ü", "k" * 256):
        assert list(wrong_fields(shop.submit(key))) == ["Idempotency-Key"]
