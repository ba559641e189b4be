"""Mailroom sends an application's account email."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from webapp.core.config import Config


def create_app(config: "Config | None" = None) -> "Flask":
    """Create the application. Raises ConfigError or InvalidPlugin."""
    # Imported here, as it takes a second, which `mailroom sendmail` doesn't have.
    from webapp.application import create_app

    return create_app(config)
