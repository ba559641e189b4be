"""For load balancers and monitors: `/healthz` says that the process answers, `/readyz` that it can work."""

import structlog
from flask import Blueprint, Response, jsonify
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from webapp.accounts.models import User
from webapp.core.app_state import app_state
from webapp.core.config import ConfigError

blueprint = Blueprint("health", __name__)
log = structlog.get_logger(__name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process answers."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """The database answers and has our tables, and the secret key opens its keys; 503 when not."""
    try:
        app_state().keyring.keys().to_seal()
        with app_state().database.read() as session:
            session.execute(select(User.id).limit(1))
    except SQLAlchemyError:
        log.exception("database not ready")
        return jsonify(status="unavailable", reason="database"), 503
    except ConfigError:
        log.exception("secret key not usable")
        return jsonify(status="unavailable", reason="secret key"), 503
    return jsonify(status="ok"), 200
