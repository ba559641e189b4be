"""The parts an application is made of, for the code that runs inside a request or a worker."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import Flask, current_app

if TYPE_CHECKING:
    from webapp.core.config import Config
    from webapp.core.database import Database
    from webapp.core.keys.keyring import Keyring
    from webapp.core.sealing import Sealer
    from webapp.providers.registry import ProviderRegistry

EXTENSION = "mailroom"


@dataclass(frozen=True)
class AppState:
    """Made once per process, by `create_app`."""

    config: "Config"
    database: "Database"
    keyring: "Keyring"
    sealer: "Sealer"
    providers: "ProviderRegistry"


def app_state() -> AppState:
    """The parts of the current application."""
    return app_state_of(current_app)


def app_state_of(app: Flask) -> AppState:
    """The parts of this application."""
    return cast(AppState, app.extensions[EXTENSION])
