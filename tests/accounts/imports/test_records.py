"""Reading records, whatever is wrong with the file."""

import pytest

from webapp.accounts.imports.formats import MAX_LINE_LENGTH
from webapp.accounts.imports.records import MAX_CELLS, Record, read_records


def read(*lines: str) -> list[Record]:
    return list(read_records(iter(lines), ","))


def test_records_have_the_number_of_their_first_line() -> None:
    assert read("a,b", "", '"c', 'd",e', "f") == [
        Record(1, ["a", "b"]),
        Record(3, ["c\nd", "e"]),
        Record(5, ["f"]),
    ]


def test_lines_without_text_and_a_line_that_names_the_separator_are_left_out() -> None:
    assert read("sep=,", ",,", "a,b") == [Record(3, ["a", "b"])]


def test_doubled_quotation_marks_and_those_within_a_cell_are_text() -> None:
    assert read('"say ""a""",5"') == [Record(1, ['say "a"', '5"'])]


def test_a_quotation_mark_that_is_never_closed_costs_one_line() -> None:
    found = read("a", '"b,c', *(f"d{number}" for number in range(30)))
    assert [(record.line, record.problem) for record in found[:4]] == [(1, ""), (2, "quotes"), (3, ""), (4, "")]
    assert len(found) == 32


def test_one_at_the_end_of_the_file_does_not_take_the_lines_after_it() -> None:
    assert [(record.line, record.problem) for record in read('"a', "b")] == [(1, "quotes"), (2, "")]


def test_text_after_a_quotation_mark_is_wrong() -> None:
    assert read('"a" b,c')[0].problem == "quotes"


def test_an_overlong_line_is_no_record() -> None:
    assert read("x" * (MAX_LINE_LENGTH + 1))[0].problem == "too_long"


@pytest.mark.parametrize("line", ["a," * 5_000, '"a",' * 4_000], ids=["plain", "quoted"])
def test_of_very_many_columns_only_the_first_are_read(line: str) -> None:
    assert len(read(line)[0].cells) == MAX_CELLS


def test_nul_bytes_are_characters() -> None:
    assert read("a\x00,b", '"a\x00",b') == [Record(1, ["a\x00", "b"]), Record(2, ["a\x00", "b"])]
