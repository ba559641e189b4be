"""The audit trail as a CSV file."""

import pytest

from webapp.audit.export import escape_formula


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t1", "\r1", "\uff1d1"])
def test_formulas_are_escaped(cell: str) -> None:
    assert escape_formula(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["ada=lovelace@example.com", "Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0"])
def test_other_texts_are_left_alone(cell: str) -> None:
    assert escape_formula(cell) == cell
