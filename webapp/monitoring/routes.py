"""The charts of Home as images, and the metrics for Prometheus."""

from datetime import datetime

from flask import Blueprint, Response, abort, request
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from webapp.core import clock, i18n
from webapp.core.app_state import app_state
from webapp.monitoring import charts, dashboard
from webapp.monitoring.cache import minute_cache
from webapp.monitoring.charts import CHARTS, Size
from webapp.monitoring.dashboard import Dashboard, Period
from webapp.monitoring.metrics import render
from webapp.monitoring.state import may_see_details
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


@blueprint.get("/metrics")
def metrics() -> Response:
    """Show the metrics to those who know the token; there are none while no token is set."""
    if not app_state().config.metrics_token:
        abort(404)
    if not may_see_details():
        return Response("Unauthorized\n", 401, {"WWW-Authenticate": "Bearer"}, "text/plain")
    with app_state().database.read() as session:
        return Response(render(session, clock.now()), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def read_dashboard(period: Period, now: datetime) -> Dashboard:
    """Return the numbers of a period, at most a minute old."""

    def read() -> Dashboard:
        with app_state().database.read() as session:
            return dashboard.read(session, period, now)

    return minute_cache().get(period, now, read)
