"""Home: is mail flowing, and if not, since when and why."""

from flask import Blueprint, render_template

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
def home() -> str:
    """The first page after signing in."""
    return render_template("home.html")
