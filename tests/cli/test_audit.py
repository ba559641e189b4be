"""`mailroom audit`."""

import csv

import pytest

from tests.cli.conftest import Command

pytestmark = pytest.mark.one_database


def test_entries_are_listed_newest_first_and_filtered_as_on_the_page(mailroom: Command) -> None:
    mailroom("users", "add", "grace@people.example")
    mailroom("users", "disable", "grace@people.example")
    about_grace = mailroom.json("audit", "list", "--person", "grace@people.example")
    assert [entry["event"] for entry in about_grace] == ["user.disabled", "user.created"]
    assert about_grace[0]["user_agent"].startswith("mailroom users disable (")
    assert "mailroom users disable (" in mailroom("audit", "list", "--limit", "1").stdout
    assert "--event: " in mailroom.json("audit", "list", "--event", "nothing.happened")["error"]


def test_the_export_is_recorded_itself(mailroom: Command) -> None:
    for _ in range(2):
        newest = next(csv.DictReader(mailroom("audit", "export").stdout.splitlines()))
        assert newest["event"] == "audit.downloaded"
