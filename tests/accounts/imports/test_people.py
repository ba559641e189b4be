"""Records as people, by the rules of the page for one new user."""

import json
from typing import Any

import pytest
from flask import Flask

from webapp.accounts.imports.people import BadLine, Person, describe, read
from webapp.accounts.imports.records import Record
from webapp.accounts.models import Role

pytestmark = [pytest.mark.one_database, pytest.mark.usefixtures("app_context")]
COLUMNS = {"email": 0, "name": 1, "role": 2, "language": 3}


@pytest.fixture
def app(shared_app: Flask) -> Flask:
    """Nothing here changes it."""
    return shared_app


def read_cells(*cells: str, **columns: int) -> Person | BadLine:
    return read(Record(7, list(cells)), columns or COLUMNS, Role.MEMBER)


def test_a_record_is_a_person() -> None:
    person = read_cells(" Ada@Example.COM ", "Ada  Lovelace", "Admin", "Deutsch")
    assert person == Person(7, "Ada@example.com", "ada@example.com", "Ada  Lovelace", Role.ADMINISTRATOR, "de")


def test_missing_cells_take_the_defaults() -> None:
    assert read_cells("ada.lovelace@example.com") == Person(
        7, "ada.lovelace@example.com", "ada.lovelace@example.com", "ada lovelace", Role.MEMBER, None
    )


def test_first_and_last_name_become_one() -> None:
    person = read_cells("ada@example.com", "Ada", "Lovelace", email=0, first_name=1, last_name=2)
    assert isinstance(person, Person)
    assert person.name == "Ada Lovelace"


@pytest.mark.parametrize(
    ("cells", "text"),
    [
        (("", "Ada"), "The email address is missing."),
        (("ada@", "Ada"), "Enter an email address such as ada@example.com. “ada@”"),
        (("a@example.com;b@example.com",), "Enter only one address."),
        (
            ("ada@example.com\x00",),
            r"invisible character (U+0000). Remove it, or type the text by hand. “ada@example.com\u0000”",
        ),
        (("x" * 300 + "@example.com",), "This address is too long."),
        (("ada@example.com", "www.evil.example"), "A name can't contain a web or email address."),
        (("ada@example.com", "x" * 201), "Too long: 201 characters (maximum 200)."),
        (("ada@example.com", "A\x00da"), "invisible character (U+0000)"),
        (("ada@example.com", "Zo\ufffd"), "can't be read with this encoding. “Full name: Zo\ufffd”"),
        (("ada@example.com", "Ada", "chief"), "Unknown role: use “member” or “administrator”. “chief”"),
        (("ada@example.com", "Ada", "", "xx"), "Unknown language"),
    ],
)
def test_what_is_wrong_is_said_with_the_value(cells: tuple[str, ...], text: str) -> None:
    bad = read_cells(*cells)
    assert isinstance(bad, BadLine)
    assert text in describe(stored(bad))


def test_a_record_that_can_not_be_read_is_said_to_be_one(app: Flask) -> None:
    bad = read(Record(3, ['"Ada'], "quotes"), COLUMNS, Role.MEMBER)
    assert isinstance(bad, BadLine)
    assert (bad.line, describe(stored(bad))) == (3, 'A quotation mark is not closed, or text follows it. “"Ada”')


def stored(bad: BadLine) -> dict[str, Any]:
    """Return its data as they come out of the database."""
    data: dict[str, Any] = json.loads(json.dumps(bad.to_data()))
    return data
