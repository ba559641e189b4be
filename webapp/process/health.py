"""For load balancers and monitoring: `/healthz` shows that the process answers, `/readyz` that it can work."""

from concurrent.futures import ThreadPoolExecutor
from typing import cast

import structlog
from flask import Blueprint, Flask, Response, current_app, jsonify
from sqlalchemy.exc import SQLAlchemyError

from webapp.core import schema
from webapp.core.app_state import AppState, app_state
from webapp.core.config import ConfigError

EXTENSION = "mailroom.health"
# Seconds within which `/readyz` answers.
PATIENCE = 1.5

blueprint = Blueprint("health", __name__)
log = structlog.get_logger(__name__)


def init_app(app: Flask) -> None:
    """Add the pages, and the thread that looks at the database, however long that takes."""
    app.register_blueprint(blueprint)
    app.extensions[EXTENSION] = ThreadPoolExecutor(1, thread_name_prefix="readiness")


@blueprint.get("/healthz")
def healthz() -> Response:
    """Answer."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Answer 200 if the database has a schema and the secret key opens the keys in it, else 503."""
    check = cast(ThreadPoolExecutor, current_app.extensions[EXTENSION]).submit(_check, app_state())
    try:
        check.result(PATIENCE)
    except (SQLAlchemyError, TimeoutError):
        # If it waits behind one that takes long, it need not be made any more.
        check.cancel()
        log.exception("database not ready")
        return jsonify(status="unavailable", reason="database"), 503
    except ConfigError:
        log.exception("secret key not usable")
        return jsonify(status="unavailable", reason="secret key"), 503
    return jsonify(status="ok"), 200


def _check(state: AppState) -> None:
    state.keyring.keys().require_current()
    with state.database.read() as session:
        schema.current_revision(session)
