"""What Home shows administrators of delivery."""

from flask import render_template

from webapp.core import clock
from webapp.core.app_state import app_state
from webapp.outbox import panels
from webapp.outbox.status import delivery_status, recently_undelivered


def home_panel() -> str:
    """Render whether email is being delivered and, if not, why."""
    now = clock.now()
    with app_state().database.read_columns() as connection:
        status, undelivered = delivery_status(connection, now), recently_undelivered(connection, now)
    return render_template("monitoring/_home_panel.html", undelivered=undelivered, **panels.explain(status))
