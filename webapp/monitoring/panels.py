"""What Home shows administrators of delivery."""

from datetime import datetime

from flask import render_template, request
from markupsafe import Markup

from webapp.core import clock, i18n
from webapp.core.app_state import app_state
from webapp.monitoring import charts, dashboard, labels
from webapp.monitoring.cache import minute_cache, minute_of
from webapp.monitoring.charts import CHARTS, Size
from webapp.monitoring.dashboard import LATENCY_BOUNDS, Period
from webapp.monitoring.routes import read_dashboard
from webapp.outbox import panels
from webapp.outbox.status import COUNTED, delivery_status, recently_undelivered


def home_panel() -> str:
    """Render whether email is being delivered and, if not, why; what waits and what became of the rest; and charts."""
    now = clock.now()
    with app_state().database.read_columns() as connection:
        status, undelivered = delivery_status(connection, now), recently_undelivered(connection, now)
    return render_template(
        "monitoring/_home_panel.html",
        undelivered=undelivered,
        counted=COUNTED,
        delivered=read_dashboard(Period.WEEK, now).delivered,
        delivered_today=minute_cache().get("today", now, lambda: _delivered_today(now)),
        charts=_charts(now),
        **panels.explain(status),
    )


def _charts(now: datetime) -> Markup:
    """Return the part with the charts of the chosen period, rendered once a minute for each language."""
    name = request.args.get("period", "")
    period = Period(name) if name in list(Period) else Period.WEEK
    key = ("charts", period, i18n.current().code)
    return minute_cache().get(key, now, lambda: _render_charts(period, now))


def _render_charts(period: Period, now: datetime) -> Markup:
    found = read_dashboard(period, now)
    rendered = render_template(
        "monitoring/_charts.html",
        dashboard=found,
        names=list(CHARTS),
        periods=labels.PERIODS,
        labels=labels,
        bounds=LATENCY_BOUNDS,
        heights={name: charts.height_of(name, found) for name in CHARTS},
        widths={size.value: size.width for size in Size},
        minute=minute_of(now),
    )
    return Markup(rendered)  # noqa: S704 -- a rendered template


def _delivered_today(now: datetime) -> int:
    with app_state().database.read() as session:
        return dashboard.delivered_today(session, now)
