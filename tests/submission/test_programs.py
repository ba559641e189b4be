"""Programs that are made to test mail servers, where they are installed, and very many slow clients."""

import resource
import shutil
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
from flask import Flask

from tests.support.applications import IDENTIFIER, SECRET, add_application
from tests.support.submission import Wire, running_submission
from webapp.applications.models import Application
from webapp.core.database import Database
from webapp.submission import limits
from webapp.submission.stream import Budget

Accepted = Callable[[], list[tuple[str, list[str], bytes]]]
PATH = "/usr/bin:/usr/sbin:/usr/local/bin"

pytestmark = pytest.mark.one_database


def program(name: str) -> str:
    """Return the path of a program, or skip the test."""
    return shutil.which(name, path=PATH) or pytest.skip(f"{name} is not installed")


def test_swaks_hands_in_an_email_with_an_attachment(port: int, accepted: Accepted, tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(bytes(range(256)) * 20)
    who = ["--auth", "LOGIN", "--auth-user", IDENTIFIER, "--auth-password", SECRET]
    what = [
        "--from",
        "orders@shop.example",
        "--to",
        "ada@people.example,bob@people.example",
        "--attach",
        "@picture.png",
    ]
    command = [program("swaks"), "--server", f"127.0.0.1:{port}", "--pipeline", *who, *what]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert accepted()[0][1] == ["ada@people.example", "bob@people.example"]


def test_smtp_source_hands_in_very_many(app: Flask, database: Database, accepted: Accepted) -> None:
    networks = ["127.0.0.0/8"]
    add_application(database, "Load", networks=networks, trusts_networks=True)
    with running_submission(app) as (port,):
        options = ["-s", "10", "-m", "100", "-l", "5000", "-r", "3", "-f", "a@shop.example", "-t", "b@people.example"]
        for keeps_connection in ([], ["-d"]):
            command = [program("smtp-source"), *keeps_connection, *options, f"127.0.0.1:{port}"]
            done = subprocess.run(command, capture_output=True, text=True)
            assert (done.returncode, done.stderr) == (0, "")
    assert [len(recipients) for _, recipients, _ in accepted()] == [3] * 200


def test_five_hundred_slow_clients_take_little_memory_and_keep_nobody_out(
    app: Flask, shop: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.submission.connection.Budget", lambda _total: Budget(20 * limits.MIB))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    process = psutil.Process()
    with running_submission(app) as (port,), ExitStack() as stack:
        slow = [Wire(port).authenticate() for _ in range(500)]
        for one in slow:
            stack.callback(one.close)
        before = process.memory_info().rss
        for one in slow:
            assert one.envelope().startswith("354")
        for _ in range(2):
            for one in slow:
                one.write((b"x" * 998 + b"\r\n") * 50)
        fast = Wire(port).authenticate()
        stack.callback(fast.close)
        # An email may still come when there is no room; the slow ones that found none make it.
        assert "250" in {fast.send()[:3] for _ in range(10)}
        assert process.memory_info().rss - before < 50 * limits.MIB
        slow[-1].write(b".\r\n")
        assert slow[-1].reply().startswith("452 4.3.1 Too many large emails arrive at once")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
