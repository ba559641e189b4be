"""What the settings file adds to the application: a panel for administrators while the file has errors."""

from flask import Flask, render_template

from webapp.core.app_state import app_state
from webapp.settings_file import service
from webapp.web import navigation
from webapp.web.navigation import Panel


def init_app(app: Flask) -> None:
    """Add the panel."""
    navigation.register(app, Panel("page", 5, _problems))


def _problems() -> str:
    """Render what is wrong with the file, at the top of every administrator's page."""
    with app_state().database.read_columns() as connection:
        found = service.problems(connection)
    return render_template("settings_file/_problems.html", problems=found) if found else ""
