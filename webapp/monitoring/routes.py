"""The charts of Home, as images."""

from datetime import datetime

from flask import Blueprint, Response, abort, request

from webapp.core import clock, i18n
from webapp.core.app_state import app_state
from webapp.monitoring import charts, dashboard
from webapp.monitoring.cache import minute_cache
from webapp.monitoring.charts import CHARTS, Size
from webapp.monitoring.dashboard import Dashboard, Period
from webapp.web.security import image_policy

blueprint = Blueprint("monitoring", __name__)
# Their URLs name the minute and the language.
CACHE_CONTROL = "private, max-age=60"


@blueprint.get("/charts/<name>.svg")
def chart(name: str) -> Response:
    """Draw one chart."""
    period, size = request.args.get("period", ""), request.args.get("size", "")
    if name not in CHARTS or period not in list(Period) or size not in list(Size):
        abort(404)
    now = clock.now()
    found = read_dashboard(Period(period), now)
    key = (name, period, size, i18n.current().code)
    svg = minute_cache().get(key, now, lambda: charts.draw(name, found, Size(size)))
    response = Response(svg, mimetype="image/svg+xml")
    response.headers["Cache-Control"] = CACHE_CONTROL
    return image_policy(response)


def read_dashboard(period: Period, now: datetime) -> Dashboard:
    """Return the numbers of a period, at most a minute old."""

    def read() -> Dashboard:
        with app_state().database.read() as session:
            return dashboard.read(session, period, now)

    return minute_cache().get(period, now, read)
