"""For load balancers and monitoring: `/healthz` shows that the process answers, `/readyz` that it can work."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, cast

import structlog
from flask import Blueprint, Flask, Response, current_app, jsonify
from sqlalchemy.exc import SQLAlchemyError

from webapp.core import clock, schema
from webapp.core.app_state import app_state
from webapp.core.config import ConfigError
from webapp.monitoring.state import mail_state, may_see_details

EXTENSION = "mailroom.health"
# Seconds that a look at the database may take; later, `/readyz` answers at once that it isn't there.
PATIENCE = 1.5

blueprint = Blueprint("health", __name__)
log = structlog.get_logger(__name__)


class Readiness:
    """Looks at the database in a thread of its own, once for all who ask meanwhile: they must not take all threads."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="readiness")
        self._lock = threading.Lock()
        self._check: Future[dict[str, Any]] | None = None
        self._deadline = 0.0

    def require(self) -> dict[str, Any]:
        """Return the state of delivery, or raise what keeps Mailroom from working: TimeoutError if that takes long."""
        with self._lock:
            if self._check is None or self._check.done():
                self._check, self._deadline = self._thread.submit(self._look), time.monotonic() + PATIENCE
            check, deadline = self._check, self._deadline
        return check.result(max(0.0, deadline - time.monotonic()))

    def _look(self) -> dict[str, Any]:
        with self._app.app_context():
            state = app_state()
            state.keyring.keys().require_current()
            with state.database.read() as session:
                schema.current_revision(session)
                return mail_state(session, clock.now())


def init_app(app: Flask) -> None:
    """Add the pages, and the thread that looks at the database, however long that takes."""
    app.register_blueprint(blueprint)
    app.extensions[EXTENSION] = Readiness(app)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Answer."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Answer 200 if the database has a schema and the secret key opens the keys in it, else 503.

    `mail` tells whether email flows, which is no matter of this process: 200 stays 200.
    """
    try:
        mail = cast(Readiness, current_app.extensions[EXTENSION]).require()
    except (SQLAlchemyError, TimeoutError):
        log.exception("database not ready")
        return jsonify(status="unavailable", reason="database"), 503
    except ConfigError:
        log.exception("secret key not usable")
        return jsonify(status="unavailable", reason="secret key"), 503
    # Anybody can ask.
    shown = mail if may_see_details() else {"state": mail["state"]}
    return jsonify(status="ok", mail=shown), 200
