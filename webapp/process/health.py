"""For load balancers and monitoring: `/healthz` shows that the process answers, `/readyz` that it can work."""

import structlog
from flask import Blueprint, Response, jsonify
from sqlalchemy.exc import SQLAlchemyError

from webapp.core import schema
from webapp.core.app_state import app_state
from webapp.core.config import ConfigError

blueprint = Blueprint("health", __name__)
log = structlog.get_logger(__name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Answer."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Answer 200 if the database has a schema and the secret key opens the keys in it, else 503."""
    try:
        app_state().keyring.keys().require_current()
        with app_state().database.read() as session:
            schema.current_revision(session)
    except SQLAlchemyError:
        log.exception("database not ready")
        return jsonify(status="unavailable", reason="database"), 503
    except ConfigError:
        log.exception("secret key not usable")
        return jsonify(status="unavailable", reason="secret key"), 503
    return jsonify(status="ok"), 200
