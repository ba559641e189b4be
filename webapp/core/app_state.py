"""The objects that one application shares between its requests and its worker."""

from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app

from webapp.core.config import Config
from webapp.core.database import Database
from webapp.core.keys.keyring import Keyring
from webapp.core.sealing import Sealer

EXTENSION = "mailroom"


@dataclass(frozen=True)
class AppState:
    """Created once per process by `create_app`."""

    config: Config
    database: Database
    keyring: Keyring
    sealer: Sealer


def app_state() -> AppState:
    """Return the state of the current application."""
    return app_state_of(current_app)


def app_state_of(app: Flask) -> AppState:
    """Return the state of this application."""
    return cast(AppState, app.extensions[EXTENSION])
