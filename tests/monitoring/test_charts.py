"""Charts as SVG."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest

from webapp.core import i18n
from webapp.monitoring import labels
from webapp.monitoring.charts import CHARTS, LEFT_TO_RIGHT, Size, draw, nice_ticks
from webapp.monitoring.dashboard import Dashboard, OfKind, Part, Period

SVG = "{http://www.w3.org/2000/svg}"
START = datetime(2026, 11, 30, tzinfo=UTC)
Draw = Callable[..., ElementTree.Element]

pytestmark = pytest.mark.one_database


@pytest.fixture
def drawn(app_context: None) -> Draw:
    """Draw a chart of a day in which five emails were delivered an hour, and one of them not."""

    def drawn(name: str, size: Size = Size.WIDE, **given: Any) -> ElementTree.Element:
        parts = [Part(START + timedelta(hours=hour), 5, int(hour == 3), 2.5) for hour in range(24)]
        values: dict[str, Any] = {
            "parts": parts,
            "kinds": [OfKind("reset", 5, 1), OfKind("test", 2, 0)],
            "latency": [9, 3, *[0] * 7],
        }
        return ElementTree.fromstring(draw(name, Dashboard(Period.DAY, **(values | given)), size))

    return drawn


def texts(svg: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in svg.iter(f"{SVG}text")]


@pytest.mark.parametrize("size", Size)
def test_a_chart_is_named_and_described_and_has_no_script(drawn: Draw, size: Size) -> None:
    for name in CHARTS:
        svg = drawn(name, size)
        assert [element.tag for element in svg[:2]] == [f"{SVG}title", f"{SVG}desc"]
        assert all(element.text for element in svg[:2])
        assert svg.get("role") == "img"
        assert not list(svg.iter(f"{SVG}script"))
        assert (svg.get("viewBox") or "").split()[2] == str(size.width)


def test_what_was_not_delivered_is_hatched(drawn: Draw) -> None:
    svg = drawn("delivered")
    assert svg.find(f".//{SVG}pattern[@id='hatch']") is not None
    (style,) = svg.iter(f"{SVG}style")
    assert ".color-1 .bar rect{fill:url(#hatch)" in (style.text or "")
    bars = [len(list(group.iter(f"{SVG}rect"))) for group in svg.iter(f"{SVG}g") if group.get("class") == "bars"]
    assert bars[0] == 24


def test_a_line_has_a_gap_where_nothing_is_known(drawn: Draw) -> None:
    known = [Part(START + timedelta(hours=hour), 0, 0, None if hour in (8, 9) else 3) for hour in range(24)]
    paths = drawn("waiting", parts=known).iter(f"{SVG}path")
    lines = [path for path in paths if (path.get("class") or "").startswith("line reactive")]
    assert len(lines) == 2


def test_a_line_begins_where_the_numbers_do(drawn: Draw) -> None:
    parts = [Part(START + timedelta(hours=hour), 0, 0, 3 if hour >= 22 else None) for hour in range(24)]
    paths = drawn("waiting", parts=parts).iter(f"{SVG}path")
    (line,) = [path.get("d") or "" for path in paths if (path.get("class") or "").startswith("line reactive")]
    xs = [float(x) for x in re.findall(r"([\d.]+) [\d.]+", line)]
    assert min(xs) > max(xs) * 0.9


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_without_numbers_is_drawn_too(drawn: Draw, name: str) -> None:
    parts = [Part(START + timedelta(hours=hour), 0, 0, None) for hour in range(24)]
    svg = drawn(name, parts=parts, kinds=[], latency=[0] * 9)
    assert svg.tag == f"{SVG}svg"
    assert ("No data" in texts(svg)) is (name != "delivered")


def test_shares_stand_beside_their_bars(drawn: Draw) -> None:
    shown = {text.replace(LEFT_TO_RIGHT, "") for text in texts(drawn("latency"))}
    assert {"≤0.1s: 75%", "≤0.5s: 25%", "≤5m: 0%", ">1h: 0%"} <= shown


def test_kinds_are_named_with_their_numbers_and_shortened_on_phones(drawn: Draw) -> None:
    kinds = [OfKind("admin_link_created", 5, 1), *[OfKind(f"kind {number}", 1, 0) for number in range(9)]]
    assert "Link created by an administrator: 6" in texts(drawn("kinds", kinds=kinds))
    found = texts(drawn("kinds", Size.NARROW, kinds=kinds))
    assert "Link created by an…: 6" in found
    assert "Others: 4" in found


@pytest.mark.parametrize("language", ["de", "ar"])
def test_numbers_and_times_are_those_of_the_language(drawn: Draw, language: str) -> None:
    with i18n.use_language(language):
        svg = drawn("latency")
        assert f">{labels.bound('3600')}{LEFT_TO_RIGHT}: {labels.share(0)}" in texts(svg)
    assert svg.get("lang") == language


@pytest.mark.parametrize(
    ("highest", "ticks"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (4, [0, 1, 2, 3, 4]),
        (5, [0, 2, 4, 6]),
        (90, [0, 50, 100]),
        (180, [0, 50, 100, 150, 200]),
    ],
)
def test_ticks_are_round_numbers(highest: float, ticks: list[int]) -> None:
    assert nice_ticks(highest) == ticks
