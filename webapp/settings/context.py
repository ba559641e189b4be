"""The general settings for templates."""

import structlog
from flask import Flask, g
from sqlalchemy.exc import SQLAlchemyError

from webapp.core.app_state import app_state
from webapp.settings.models import GeneralSettings
from webapp.settings.service import General, general, general_of
from webapp.web.error_pages import is_database_unavailable

log = structlog.get_logger(__name__)


def init_app(app: Flask) -> None:
    """Let every template use `general`."""
    app.context_processor(lambda: {"general": general_settings()})


def general_settings() -> General:
    """Return the general settings, read once per request; the defaults if they cannot be read.

    The pages that report errors use them too.
    """
    if "general_settings" not in g:
        g.general_settings = _read()
    settings: General = g.general_settings
    return settings


def keep_general_settings(row: GeneralSettings | None) -> None:
    """Use these general settings for the rest of the request, as they were read with something else."""
    g.general_settings = general_of(row, app_state().config)


def _read() -> General:
    state = app_state()
    if not is_database_unavailable():
        try:
            with state.database.read_columns() as connection:
                return general(connection, state.config)
        except SQLAlchemyError:
            log.exception("the general settings cannot be read")
    return general_of(None, state.config)
