"""Requests that can't be read, and a database that is away."""

from typing import Any

import pytest
from sqlalchemy import text

from tests.api.conftest import Program, wrong_fields
from webapp.core.database import Database

pytestmark = pytest.mark.one_database
JSON = "application/json"


UNREADABLE = [
    b"",
    b"{",
    b'{"to": "a@b.example", "to": "c@d.example"}',
    b'{"headers": {"X-A": "a", "X-A": "b"}}',
    b'{"text": NaN}',
    b'{"text": "\xff"}',
    b"\xef\xbb\xbf{}",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'{"text": ' + b"1" * 10_000 + b"}",
]


def test_json_that_programs_read_differently_is_refused(shop: Program) -> None:
    for body in UNREADABLE:
        answer = shop.send("POST", "/messages", data=body, content_type=JSON)
        assert (answer.status_code, answer.content_type) == (400, "application/problem+json"), body[:20]


def test_json_that_is_no_object_is_refused(shop: Program) -> None:
    for body in (b"[]", b"7", b'"text"', b"null"):
        answer = shop.send("POST", "/messages", data=body, content_type=JSON)
        assert (answer.status_code, list(wrong_fields(answer))) == (422, ["#"])


def test_a_name_that_cannot_be_used_is_found_in_the_object_around_it(shop: Program) -> None:
    answer = shop.send("POST", "/messages", data=b'{"headers": {"X-\\u0000": "a"}}', content_type=JSON)
    assert list(wrong_fields(answer)) == ["#/headers"]


def test_another_media_type_or_method_is_refused(shop: Program) -> None:
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "application/xml", "a/b+json"):
        answer = shop.send("POST", "/messages", data=b'{"to": "a@b.example"}', content_type=media_type)
        assert (answer.status_code, answer.headers["Accept-Post"]) == (415, JSON)
    for method in ("PUT", "DELETE", "PATCH", "MADEUP"):
        answer = shop.send(method, "/messages")
        assert (answer.status_code, "POST" in answer.headers["Allow"]) == (405, True)


def test_while_the_database_is_away_the_program_is_told_to_come_back(shop: Program, database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("ALTER TABLE submission_contents RENAME TO elsewhere"))
    answer: Any = shop.submit()
    assert (answer.status_code, answer.json["title"]) == (503, "Service Unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert shop.get("/messages").json == {"items": [], "next_cursor": None}
