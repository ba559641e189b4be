"""docs/security.md covers every requirement, and names a test for each that it calls met."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

HERE = Path(__file__).parent
DOCUMENT = (HERE.parent / "docs" / "security.md").read_text()
STATES = {"met", "partly", "not met", "n/a"}
# OWASP ASVS 5.0.0, levels 1 and 2: how many there are in each section, without V17 (WebRTC).
REQUIREMENTS = {
    "V1.1": 2, "V1.2": 9, "V1.3": 11, "V1.4": 3, "V1.5": 2, "V2.1": 3, "V2.2": 3, "V2.3": 4, "V2.4": 1, "V3.2": 2,
    "V3.3": 4, "V3.4": 6, "V3.5": 5, "V3.7": 2, "V4.1": 3, "V4.2": 1, "V4.3": 2, "V4.4": 4, "V5.1": 1, "V5.2": 3,
    "V5.3": 2, "V5.4": 3, "V6.1": 3, "V6.2": 12, "V6.3": 4, "V6.4": 4, "V6.5": 5, "V6.6": 3, "V6.8": 4, "V7.1": 3,
    "V7.2": 4, "V7.3": 2, "V7.4": 5, "V7.5": 2, "V7.6": 2, "V8.1": 2, "V8.2": 3, "V8.3": 1, "V8.4": 1, "V9.1": 3,
    "V9.2": 4, "V10.1": 2, "V10.2": 2, "V10.3": 4, "V10.4": 11, "V10.5": 5, "V10.6": 2, "V10.7": 3, "V11.1": 2,
    "V11.2": 3, "V11.3": 3, "V11.4": 4, "V11.5": 1, "V11.6": 1, "V12.1": 3, "V12.2": 2, "V12.3": 4, "V13.1": 1,
    "V13.2": 5, "V13.3": 2, "V13.4": 5, "V14.1": 2, "V14.2": 4, "V14.3": 3, "V15.1": 3, "V15.2": 3, "V15.3": 7,
    "V16.1": 1, "V16.2": 5, "V16.3": 4, "V16.4": 3, "V16.5": 3,
}  # fmt: skip


class Row(NamedTuple):
    """One row of the tables."""

    requirements: list[str]
    state: str
    how: str
    shown_by: str


def rows() -> Iterator[Row]:
    for line in DOCUMENT.splitlines():
        if re.match(r"\| V\d", line):
            first, state, how, shown_by = (cell.strip() for cell in line.strip("|").split("|"))
            yield Row(first.split(", "), state, how, shown_by)


def names(path: Path) -> set[str]:
    """List the tests and test classes in a file, as pytest names them."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            found |= {node.name, *(f"{node.name}::{name}" for name in _functions(node.body))}
    return found | set(_functions(ast.parse(path.read_text()).body))


def _functions(body: list[ast.stmt]) -> list[str]:
    return [node.name for node in body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]


def test_every_requirement_appears_once() -> None:
    expected = [f"{section}.{number + 1}" for section, count in REQUIREMENTS.items() for number in range(count)]
    listed = Counter(requirement for row in rows() for requirement in row.requirements)
    assert listed == Counter(expected)


def test_every_state_is_known_and_explained() -> None:
    assert {row.state for row in rows()} <= STATES
    assert [row for row in rows() if not row.how] == []


def test_met_requirements_name_what_shows_them() -> None:
    assert [row.requirements for row in rows() if row.state == "met" and not row.shown_by] == []
    assert [row.requirements for row in rows() if row.state == "n/a" and row.shown_by] == []


@pytest.mark.parametrize("test", sorted({test for row in rows() for test in re.findall(r"`([^`]+)`", row.shown_by)}))
def test_named_tests_exist(test: str) -> None:
    path, _, name = test.partition("::")
    if test != "make lint":
        assert (HERE / path).is_file()
        assert not name or name in names(HERE / path)


def test_links_to_sections_exist() -> None:
    sections = {"#" + re.sub(r"\W+", "-", title.lower()) for title in re.findall(r"^#+ (.+)$", DOCUMENT, re.MULTILINE)}
    assert set(re.findall(r"\]\((#[\w-]+)\)", DOCUMENT)) <= sections
