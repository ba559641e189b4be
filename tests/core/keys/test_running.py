"""`mailroom rotate-keys` beside a running `mailroom serve`."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.core.keys.conftest import Save, passwords
from tests.support.browser import PASSWORD
from tests.support.running import COMMAND, Visitor, clean, free_port, running, until
from tests.support.users import add_user
from webapp.accounts.models import Role
from webapp.core.app_state import AppState
from webapp.core.config import Config

Command = Callable[..., str]


@pytest.fixture
def config_values() -> dict[str, Any]:
    """A generated key."""
    return {"secret_key": ""}


@pytest.fixture
def environ(config: Config) -> dict[str, str]:
    """The environment of every process of this installation."""
    given = {"INSTANCE": str(config.instance), "DATABASE_URL": config.database_url, "SECRET_KEY": config.secret_key}
    return {f"MAILROOM_{name}": value for name, value in given.items()}


@pytest.fixture
def rotate_keys(tmp_path: Path, environ: dict[str, str]) -> Command:
    """Run the command and return its output."""

    def go(*arguments: str) -> str:
        command = [*COMMAND, "rotate-keys", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=clean(environ), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return go


@pytest.mark.one_database
def test_keys_are_rotated_while_people_work(
    tmp_path: Path, environ: dict[str, str], state: AppState, save: Save, rotate_keys: Command
) -> None:
    add_user(state.database, "ada@mailroom.example", Role.ADMINISTRATOR)
    save("kept")
    port = free_port()
    options = ("--port", str(port), "--processes", "2", "--workers", "0")
    with running(tmp_path, "serve", *options, environ=environ) as served:
        served.wait_for("Mailroom is listening on")
        ada = Visitor(f"http://127.0.0.1:{port}")
        ada.submit("/login", email="ada@mailroom.example", password=PASSWORD)
        assert "Re-encrypted in mail_servers: 1." in rotate_keys()
        assert all(ada.get("/profile").address.endswith("/profile") for _ in range(8))
        assert "Mailroom of now" in ada.submit("/settings/general", product_name="Mailroom of now").text
        rotate_keys("--drop-old")
        until(lambda: "/login" in ada.get("/profile").address)
    assert passwords(state) == ["kept"]
