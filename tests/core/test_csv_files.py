"""CSV files that people download."""

import pytest

from webapp.core.csv_files import escape_formula, lines


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t1", "\r1", "\uff1d1", " =1"])
def test_formulas_are_escaped(cell: str) -> None:
    assert escape_formula(cell) == f"'{cell}"


def test_a_formula_where_some_spreadsheets_begin_a_cell_is_escaped() -> None:
    assert escape_formula('Ada;=1+1; "@A1"') == 'Ada;\'=1+1; "@A1"'
    assert lines([("Ada;-1", "b")]) == "Ada;'-1,b\r\n"


@pytest.mark.parametrize("cell", ["ada=lovelace@example.com", "Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0"])
def test_other_texts_are_left_alone(cell: str) -> None:
    assert escape_formula(cell) == cell


def test_lines_are_those_of_rfc_4180_without_formulas() -> None:
    assert lines([("a,b", "=1"), ('say "x"', "")]) == '"a,b",\'=1\r\n"say ""x""",\r\n'
