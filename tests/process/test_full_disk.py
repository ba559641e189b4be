"""A worker whose disk becomes full while it sends."""

import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import exists, select

from tests.support.running import running, until
from tests.support.scripted import ScriptedServer
from webapp.core.config import Config
from webapp.core.database import Database
from webapp.outbox import service
from webapp.outbox.models import Message, MessageState

MESSAGES = 200


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with room for eight megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def database_url(disk: Path, sqlite_template: Path) -> str:
    """A database on this disk."""
    return f"sqlite:///{shutil.copy(sqlite_template, disk / 'mailroom.sqlite')}"


@pytest.fixture
def config_values(disk: Path) -> dict[str, Any]:
    """All other files are on this disk, too."""
    return {"instance": disk}


def fill(path: Path) -> None:
    """Write to a file until the disk is full."""
    with path.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def test_nothing_is_lost_or_sent_twice_and_mail_flows_once_there_is_room_again(
    disk: Path, tmp_path: Path, config: Config, database: Database, use_server: Callable[..., None]
) -> None:
    environ = {"MAILROOM_INSTANCE": str(disk), "MAILROOM_DATABASE_URL": config.database_url,
               "MAILROOM_SECRET_KEY": config.secret_key}  # fmt: skip
    with ScriptedServer(drip=0.00005) as server:
        use_server(server)
        with database.transaction() as session:
            for number in range(MESSAGES):
                service.enqueue(session, "activated", f"person{number}@people.example")
        with running(tmp_path, "worker", environ=environ) as worker:
            until(lambda: len(server.messages) > 10)
            fill(disk / "filler")
            worker.wait_for("delivery waits for the database")
            time.sleep(3)
            (disk / "filler").unlink()
            until(lambda: not waiting(database), 30)
    copies = Counter(re.findall(rb"^To: .*?(person\d+)", b"".join(server.messages), re.MULTILINE))
    assert copies == Counter(f"person{number}".encode() for number in range(MESSAGES))


def waiting(database: Database) -> bool:
    with database.read() as session:
        return bool(session.scalar(select(exists().where(Message.state != MessageState.SENT))))
