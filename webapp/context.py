"""The parts an application is made of, for the code that runs inside a request or a worker."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import Flask, current_app

if TYPE_CHECKING:
    from webapp.config import Config
    from webapp.database import Database
    from webapp.keys.ring import Keyring
    from webapp.outbox.queue import Queue
    from webapp.registry import Providers
    from webapp.sealing import Sealer

EXTENSION = "mailroom"


@dataclass(frozen=True)
class Parts:
    """Made once per process, by `create_app`."""

    config: "Config"
    database: "Database"
    keyring: "Keyring"
    sealer: "Sealer"
    providers: "Providers"
    queue: "Queue"


def parts() -> Parts:
    """The parts of the current application."""
    return parts_of(current_app)


def parts_of(app: Flask) -> Parts:
    """The parts of this application."""
    return cast(Parts, app.extensions[EXTENSION])
