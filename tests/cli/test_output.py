"""What commands print."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from webapp.cli.output import print_fields, print_json, print_list, print_table

EVIL = "550 \x1b[2J\x9b31m\u202eno\r\nway"


def test_nothing_is_printed_that_a_terminal_would_obey(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("reply", "again"), [(EVIL, EVIL)])
    print_fields([("Reply", EVIL)])
    print_json({"reply": EVIL})
    printed = capsys.readouterr().out
    assert all(character.isprintable() or character == "\n" for character in printed)
    assert json.loads(printed[printed.index("{") :]) == {"reply": EVIL}


def test_a_list_is_printed_while_it_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []

    def items() -> Iterator[int]:
        yield 1
        seen.append(capsys.readouterr().out)
        yield 2

    print_list(items(), True, None, (), lambda _: (), lambda number: number)
    assert seen == ["[\n1"]
    assert capsys.readouterr().out == ",\n2\n]\n"


def test_columns_are_aligned_and_times_are_in_utc(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("id", "name"), [(1, "a"), (1000, "b")])
    print_json({"at": datetime(2026, 11, 30, 9, 12, tzinfo=UTC)})
    assert capsys.readouterr().out == 'ID    NAME\n1     a\n1000  b\n{\n  "at": "2026-11-30T09:12:00.000Z"\n}\n'
