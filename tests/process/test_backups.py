"""Backup and restore, with the commands of docs/operating.md."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.conftest import Enqueue
from tests.support.postgresql import installed_programs
from tests.support.running import clean
from tests.support.users import add_user
from webapp.accounts.models import User
from webapp.core.config import Config
from webapp.core.database import Database
from webapp.outbox.models import Message

DOCUMENT = (Path(__file__).parents[2] / "docs" / "operating.md").read_text()
TITLES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def commands(kind: str) -> list[str]:
    """Return the blocks of commands in the section about backups, each with those for this database only."""
    section = DOCUMENT.partition("\n## Backup and restore\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    parts = [re.findall(r"^# (\w+).*\n((?:[^#].*\n)+)", block, re.MULTILINE) for block in blocks]
    return ["set -e\n" + "".join(text for name, text in found if name in (TITLES[kind], "both")) for found in parts]


@pytest.fixture
def shell_environment(config: Config, tmp_path: Path, database_kind: str) -> dict[str, str]:
    """What the commands need; `mailroom`, `sqlite3` and PostgreSQL's programs are on the path."""
    if database_kind == "sqlite" and shutil.which("sqlite3") is None:
        pytest.skip("sqlite3 is not installed")
    mailroom = tmp_path / "bin" / "mailroom"
    mailroom.parent.mkdir()
    mailroom.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m webapp.cli "$@"\n')
    mailroom.chmod(0o755)
    extra = [str(mailroom.parent), *([str(installed_programs() / "bin")] if database_kind == "postgresql" else [])]
    return clean(
        {
            "PATH": os.pathsep.join([*extra, os.environ["PATH"]]),
            "BACKUP": str(tmp_path / "backup"),
            "MAILROOM_INSTANCE": str(config.instance),
            "MAILROOM_DATABASE_URL": config.database_url,
            "MAILROOM_SECRET_KEY": config.secret_key,
        }
    )


@pytest.fixture
def config(own_database_url: str, tmp_path: Path) -> Config:
    """An installation with a database of its own, as restoring drops its tables."""
    return Config.complete(instance=tmp_path, database_url=own_database_url, secret_key="a secret key for the tests")


def run(command: str, environment: dict[str, str]) -> None:
    done = subprocess.run(["/bin/sh", "-c", command], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_restored_backup_has_what_was_there_and_nothing_since(
    database: Database, enqueue: Enqueue, shell_environment: dict[str, str], database_kind: str
) -> None:
    back_up, restore = commands(database_kind)
    add_user(database, "before@people.example")
    enqueue(recipient="before@people.example")
    run(back_up, shell_environment)
    add_user(database, "after@people.example")
    database.engine.dispose()
    run(restore, shell_environment)
    with database.read() as session:
        assert session.scalars(select(User.email)).all() == ["before@people.example"]
        assert session.scalars(select(Message.recipient)).all() == ["before@people.example"]
