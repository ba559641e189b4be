"""Processes that share a database which contains mail servers with sealed passwords."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from webapp import create_app
from webapp.core import clock
from webapp.core.app_state import AppState, app_state_of
from webapp.core.config import Config
from webapp.core.database import Database
from webapp.core.keys import rotation
from webapp.core.keys.rotation import RotationResult
from webapp.mail.models import MailServer

PURPOSE = "mail_server.password"
Save = Callable[..., int]
Start = Callable[..., Flask]
Rotate = Callable[..., RotationResult]


@pytest.fixture
def start(config: Config) -> Iterator[Start]:
    """Start another process on the same database; it reads the keys when it starts."""
    with ExitStack() as stack:

        def go(**changes: Any) -> Flask:
            app = create_app(replace(config, **changes))
            state = app_state_of(app)
            stack.callback(state.database.engine.dispose)
            state.keyring.keys()
            return app

        yield go


@pytest.fixture
def other(start: Start, app: Flask) -> AppState:
    """Another process."""
    return app_state_of(start())


@pytest.fixture
def rotate(state: AppState) -> Rotate:
    """Rotate the keys, in this process unless another one is given."""

    def go(by: AppState = state, **options: bool) -> RotationResult:
        return rotation.rotate(by.database, by.config, by.keyring, **options)

    return go


@pytest.fixture
def save(state: AppState) -> Save:
    """Save a mail server with this password, sealed by this process; return its id."""

    def go(password: str, by: AppState = state, position: int = 0) -> int:
        return save_sealed(by.database, by.sealer.seal(password, PURPOSE), position)

    return go


def server(sealed: str, position: int = 0) -> MailServer:
    """Return a mail server with a sealed password."""
    secrets = {"password": {"sealed": sealed, "saved_at": "2026-11-22"}}
    return MailServer(
        name=f"Server {position}",
        provider="custom",
        mail_from="mailroom@mailroom.example",
        host="smtp.example.org",
        port=25,
        security="none",
        position=position,
        updated_at=clock.now(),
        sealed_secrets=secrets,
    )


def save_sealed(database: Database, sealed: str, position: int = 0) -> int:
    """Save a mail server with a sealed password; return its id."""
    row = server(sealed, position)
    with database.transaction() as session:
        session.add(row)
    return row.id


def sealed_passwords(database: Database) -> list[str]:
    """Return the saved passwords, sealed."""
    with database.read() as session:
        rows = session.scalars(select(MailServer).order_by(MailServer.id))
        return [row.sealed_secrets["password"]["sealed"] for row in rows]


def passwords(state: AppState) -> list[str]:
    """Return the saved passwords, opened by this process."""
    return [state.sealer.open(sealed, PURPOSE) for sealed in sealed_passwords(state.database)]


def interrupt(monkeypatch: pytest.MonkeyPatch, rotate: Rotate, phase: str) -> None:
    """Start a rotation that crashes when it calls this function."""
    with monkeypatch.context() as patched:
        patched.setattr(rotation, phase, _crash)
        with pytest.raises(KeyboardInterrupt):
            rotate()


def started(start: Start, **changes: Any) -> AppState:
    """Start another process and return its state."""
    return app_state_of(start(**changes))


def _crash(*_given: object) -> None:
    raise KeyboardInterrupt
