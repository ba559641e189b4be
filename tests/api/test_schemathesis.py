"""Schemathesis reads the OpenAPI document, and tries what it allows and what it forbids on a running server."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.applications import SECRET, add_application
from tests.support.running import free_port, running
from webapp import create_app
from webapp.core import clock, schema
from webapp.core.app_state import app_state_of
from webapp.core.config import Config
from webapp.mail.models import MailServer

ROOT = Path(__file__).parent.parent.parent
OPTIONS = ("--checks", "all", "--continue-on-failure", "--max-examples", "5", "--generation-database", "none")


def prepare(instance: Path) -> None:
    """Prepare an installation with a mail server and an application that may do everything."""
    database = app_state_of(create_app(Config.complete(instance=instance))).database
    schema.upgrade(database)
    add_application(database, may_manage_users=True, return_urls=["https://shop.example"])
    server = {"provider": "custom", "mail_from": "orders@shop.example", "host": "127.0.0.1", "port": 9}
    with database.transaction() as session:
        session.add(MailServer(**server, position=0, name="Custom", security="none", timeout=5, updated_at=clock.now()))
    database.engine.dispose()


def test_schemathesis_finds_nothing_wrong(tmp_path: Path) -> None:
    prepare(tmp_path / "instance")
    port, environ = free_port(), {"MAILROOM_INSTANCE": str(tmp_path / "instance"), "MAILROOM_RATE_LIMITS": "off"}
    url = f"http://127.0.0.1:{port}/api/v1/openapi.json"
    options = ("--port", str(port), "--processes", "1", "--workers", "0")
    with running(tmp_path, "serve", *options, environ=environ) as mailroom:
        mailroom.wait_for("/setup?key=")
        checked = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", url),
                *("--header", f"Authorization: Bearer {SECRET}", "--seed", "1", *OPTIONS),
            ],
            cwd=tmp_path,
            env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.support.schemathesis_hooks", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
    assert checked.returncode == 0, checked.stdout + checked.stderr
