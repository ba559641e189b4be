"""The installed command, in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Enqueue
from webapp.core.config import Config

pytestmark = pytest.mark.one_database

MAILROOM = str(Path(sys.executable).with_name("mailroom"))


@pytest.fixture
def environ(config: Config) -> dict[str, str]:
    """The environment that leads to the database of the test."""
    own = {"MAILROOM_DATABASE_URL": config.database_url, "MAILROOM_SECRET_KEY": config.secret_key}
    return {**os.environ, **own, "MAILROOM_INSTANCE": str(config.instance)}


def test_the_exit_code_and_the_output_tell_whether_mail_goes_out(environ: dict[str, str], enqueue: Enqueue) -> None:
    enqueue()
    done = subprocess.run([MAILROOM, "status", "--json"], env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert (json.loads(done.stdout)["state"], json.loads(done.stdout)["waiting"]) == ("not_set_up", 1)


def test_a_reader_may_close_the_pipe(environ: dict[str, str], enqueue: Enqueue) -> None:
    for _ in range(200):
        enqueue()
    command = [MAILROOM, "outbox", "list", "--limit", "0", "--json"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as listing:
        assert listing.stdout is not None
        assert listing.stderr is not None
        assert listing.stdout.readline() == "[\n"
        listing.stdout.close()
        assert listing.stderr.read() == ""
        assert listing.wait(30) == 1


def test_what_needs_no_application_starts_without_it() -> None:
    code = "import sys, webapp.cli; sys.exit(sum(name in sys.modules for name in ('sqlalchemy', 'webapp.application')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
