"""Charts as SVG, drawn by pygal on the server.

Pages show them as images: an SVG brings its own style sheet, which the pages' policy would refuse inside of a page.
"""

import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import partial
from typing import Any
from xml.etree.ElementTree import Element

import pygal
from flask_babel import format_decimal
from flask_babel import gettext as _
from pygal.graph.horizontalbar import HorizontalBar
from pygal.graph.horizontalstackedbar import HorizontalStackedBar
from pygal.graph.stackedbar import StackedBar
from pygal.graph.xy import XY
from pygal.style import Style

from webapp.core import i18n
from webapp.monitoring import labels
from webapp.monitoring.chart_style import HATCH, STYLE
from webapp.monitoring.dashboard import LATENCY_BOUNDS, Dashboard, Part, Period

# It finds maps, which are not used here, and makes Python 3.11 warn at imports for lack of `find_spec`.
sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)]

# pygal needs to know how much space text takes.
FONT_SIZE = 13
# For wide letters in the labels of bars, which it doesn't expect.
LABEL_MARGIN = 14
MAX_KINDS = 7
# Keeps a share behind its time where that ends with a right-to-left letter: texts of an image are left-to-right.
LEFT_TO_RIGHT = "\N{LEFT-TO-RIGHT MARK}"
BAR_HEIGHT = 30
_STYLE = Style(
    font_family="inherit",
    label_font_family="inherit",
    major_label_font_family="inherit",
    label_font_size=FONT_SIZE,
    major_label_font_size=FONT_SIZE,
    guide_stroke_dasharray="0",
    major_guide_stroke_dasharray="0",
    no_data_font_family="inherit",
    no_data_font_size=FONT_SIZE,
    plot_background="transparent",
    background="transparent",
)


class Size(StrEnum):
    """For wide screens, and for phones. Both are shown about as large as they are drawn, so that text is legible."""

    WIDE = "wide"
    NARROW = "narrow"

    @property
    def width(self) -> int:
        """The width in pixels."""
        return 500 if self is Size.WIDE else 330


def draw(name: str, dashboard: Dashboard, size: Size) -> str:
    """Return one of CHARTS as SVG, in the current language."""
    return CHARTS[name](dashboard, size)


def height_of(name: str, dashboard: Dashboard) -> int:
    """Return how high a chart is in pixels."""
    return BAR_HEIGHT * max(2, min(len(dashboard.kinds), MAX_KINDS)) + 10 if name == "kinds" else 220


def _draw_delivered(dashboard: Dashboard, size: Size) -> str:
    chart = _new(StackedBar, "delivered", dashboard, size, spacing=5, rounded_bars=2)
    chart.x_labels = _time_labels(dashboard, size)
    chart.y_labels = nice_ticks(max(part.delivered + part.undelivered for part in dashboard.parts))
    chart.add("", [part.delivered for part in dashboard.parts])
    chart.add("", [part.undelivered or None for part in dashboard.parts])
    return _render(chart)


def _draw_waiting(dashboard: Dashboard, size: Size) -> str:
    ticks, last = nice_ticks(dashboard.most_waiting), len(dashboard.parts) - 1
    options = {"range": (0, ticks[-1]), "xrange": (0, last), "show_x_guides": False}
    chart = _new(XY, "waiting", dashboard, size, fill=True, dots_size=2, **options)
    chart.x_labels = [
        {"value": number, "label": label} for number, label in enumerate(_time_labels(dashboard, size)) if label
    ]
    chart.y_labels = ticks
    for line in _without_gaps(dashboard.parts) or [[]]:
        chart.add("", line)
    return _render(chart)


def _draw_latency(dashboard: Dashboard, size: Size) -> str:
    chart = _new(HorizontalBar, "latency", dashboard, size, spacing=6, rounded_bars=2, margin_left=LABEL_MARGIN)
    number = sum(dashboard.latency) or 1
    shares = [found / number for found in dashboard.latency]
    shown = [
        (f"{labels.up_to(one)}{LEFT_TO_RIGHT}: {labels.share(share)}", share)
        for one, share in zip(LATENCY_BOUNDS, shares, strict=True)
    ]
    _add_bars(chart, [label for label, _share in shown], [share for _label, share in shown])
    return _render(chart)


def _draw_kinds(dashboard: Dashboard, size: Size) -> str:
    chart = _new(HorizontalStackedBar, "kinds", dashboard, size, spacing=8, rounded_bars=2, margin_left=LABEL_MARGIN)
    # The last one is drawn at the top.
    kinds = dashboard.kinds[: MAX_KINDS - 1] if len(dashboard.kinds) > MAX_KINDS else dashboard.kinds
    shown = [(labels.kind(one.kind, size.width), one.delivered, one.undelivered) for one in kinds]
    if rest := dashboard.kinds[len(kinds) :]:
        shown.append((_("Others"), sum(one.delivered for one in rest), sum(one.undelivered for one in rest)))
    names = [f"{label}: {format_decimal(delivered + other)}" for label, delivered, other in shown]
    _add_bars(chart, names, [delivered for _name, delivered, _other in shown], [other for *_one, other in shown])
    return _render(chart)


# By name, in the order of the page.
CHARTS: dict[str, Callable[[Dashboard, Size], str]] = {
    "delivered": _draw_delivered,
    "waiting": _draw_waiting,
    "latency": _draw_latency,
    "kinds": _draw_kinds,
}


def nice_ticks(highest: float) -> list[int]:
    """Return round numbers from 0 to `highest` or just above it, at most five."""
    step = 1
    while step * 4 < highest:
        # 1, 2, 5, 10, 20, 50 …
        step = step * 5 // 2 if str(step)[0] == "2" else step * 2
    return list(range(0, max(step, _round_up(highest, step)) + 1, step))


def _round_up(number: float, step: int) -> int:
    return int(-(-number // step)) * step


def _new(kind: Any, name: str, dashboard: Dashboard, size: Size, **options: Any) -> Any:
    chart = kind(
        style=_STYLE,
        # Without pygal's own colors.
        css=["file://graph.css", f"inline:{STYLE}"],
        defs=[HATCH],
        js=[],
        no_prefix=True,
        explicit_size=True,
        width=size.width,
        height=height_of(name, dashboard),
        margin=2,
        # For half of the last label.
        margin_right=16,
        show_legend=False,
        truncate_label=-1,
        no_data_text=_("No data"),
        value_formatter=format_decimal,
        **options,
    )
    chart.add_xml_filter(partial(_finish, title=str(labels.TITLES[name]), description=labels.summary(name, dashboard)))
    return chart


def _time_labels(dashboard: Dashboard, size: Size) -> list[str]:
    """Return the labels of the parts; most are empty."""
    wide = size is Size.WIDE
    every = {Period.DAY: 4 if wide else 6, Period.WEEK: 4 if wide else 8, Period.MONTH: 5 if wide else 10}
    first = _first_label(dashboard)
    return [
        labels.axis_time(dashboard.period, part.start) if (number - first) % every[dashboard.period] == 0 else ""
        for number, part in enumerate(dashboard.parts)
    ]


def _first_label(dashboard: Dashboard) -> int:
    """Return which part gets a label first, so that hours are round and days are named where they begin."""
    step = 4 if dashboard.period is Period.DAY else 24
    return next(number for number, part in enumerate(dashboard.parts) if part.start.hour % step == 0)


def _add_bars(chart: Any, names: Sequence[str], *series: Sequence[float]) -> None:
    """Add horizontal bars. Their numbers stand beside the names: printed at the bars, they would overlap."""
    # pygal draws the last one at the top.
    chart.x_labels = names[::-1]
    chart.show_y_guides = chart.show_x_labels = False
    for values in series:
        # Without an outline where there is nothing.
        chart.add("", [value or None for value in reversed(values)])


def _without_gaps(parts: Sequence[Part]) -> list[list[tuple[int, float]]]:
    """Return a line for each stretch without a gap: pygal would fill the area below a gap, too."""
    lines: list[list[tuple[int, float]]] = []
    before: float | None = None
    for number, part in enumerate(parts):
        if part.waiting is not None and before is None:
            lines.append([])
        if part.waiting is not None:
            lines[-1].append((number, part.waiting))
        before = part.waiting
    return lines


def _render(chart: Any) -> str:
    svg: str = chart.render(is_unicode=True)
    return svg


def _finish(root: Element, title: str, description: str) -> Element:
    """Name the chart for screen readers, and remove the script and the texts that only the script shows."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in ("script", "desc", "title"):
                parent.remove(child)
    for position, (tag, text) in enumerate((("title", title), ("desc", description))):
        element = root.makeelement(tag, {})
        element.text = i18n.without_isolates(text)
        root.insert(position, element)
    root.set("role", "img")
    root.set("lang", i18n.current().code)
    return root
