"""`mailroom check-settings`, `mailroom settings export`, and the start with a settings file."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, select

from tests.settings_file.conftest import Apply
from tests.settings_file.test_apply import CONTENT
from tests.support.command import run_mailroom
from tests.support.running import free_port, running
from webapp.audit.models import AuditEntry
from webapp.core.app_state import AppState
from webapp.settings_file import export
from webapp.webhooks import signing

pytestmark = pytest.mark.one_database
Check = Callable[..., Result]
DOCUMENTATION = Path(__file__).parents[2] / "docs" / "settings-file.md"


@pytest.fixture
def check(tmp_path: Path) -> Iterator[Check]:
    """Check a file, where no database can be reached."""
    environ = {"MAILROOM_DATABASE_URL": "postgresql://127.0.0.1:1/none", "MAILROOM_INSTANCE": str(tmp_path / "none")}
    yield lambda *arguments: run_mailroom(["check-settings", *map(str, arguments)], environ=environ)
    assert not (tmp_path / "none").exists()


def documented_example(folder: Path) -> str:
    blocks = re.findall(r"```toml\n(.*?)```", DOCUMENTATION.read_text(), re.DOTALL)
    return str(blocks[0]).replace("/run/secrets", str(folder))


def test_the_example_of_the_documentation_is_right_and_can_be_applied(
    check: Check, apply: Apply, settings_file: Path
) -> None:
    for name, content in {
        "shop": "x" * 32,
        "sendgrid-key": "SG.0123456789abcdefghijkl.0123456789abcdefghijklmnopqrstuvwxyz",
        "shop-webhook-url": "https://shop.example/",
        "shop-webhook-secret": signing.new_secret(),
    }.items():
        (settings_file.parent / name).write_text(content)
    apply(documented_example(settings_file.parent))
    checked = check(settings_file)
    assert (checked.exit_code, checked.stdout) == (0, f"{settings_file} is right.\n")


def test_a_wrong_file_is_reported_with_every_error(check: Check, settings_file: Path) -> None:
    settings_file.write_text("[general]\nproduct_name = 1\nnone = 2")
    checked = check(settings_file)
    assert checked.exit_code == 2
    assert [line.split(": ")[1] for line in checked.stdout.splitlines()] == [
        "line 2, general.product_name",
        "line 3, general.none",
    ]
    errors = json.loads(check(settings_file, "--json").stdout)["errors"]
    assert (errors[0]["line"], errors[0]["key"]) == (2, "general.product_name")


def test_what_is_exported_can_be_applied_and_changes_nothing(apply: Apply, state: AppState) -> None:
    apply(CONTENT.replace("[[mail_servers]]", "[[mail_servers]]\nsecret_expires_on = 2027-01-31"))
    with state.database.read() as session:
        exported = export.export(session)
        before = session.scalar(select(func.count(AuditEntry.id)))
    assert "a file's secret" not in exported
    assert 'password = {env = "MAIL_SERVER_PASSWORD"} # set this variable' in exported
    apply(exported, MAIL_SERVER_PASSWORD="a file's secret")
    with state.database.read() as session:
        assert session.scalar(select(func.count(AuditEntry.id))) == before
        assert export.export(session) == exported


def test_the_export_is_printed(app: Flask) -> None:
    assert 'product_name = "Mailroom"' in run_mailroom(["settings", "export"], app=app).stdout


def test_serve_applies_the_file_and_takes_up_changes(settings_file: Path, tmp_path: Path) -> None:
    settings_file.write_text('[general]\nproduct_name = "Post"')
    serve = ("serve", "--port", str(free_port()), "--processes", "1")
    with running(tmp_path, *serve, environ={"MAILROOM_SETTINGS": str(settings_file)}) as mailroom:
        mailroom.wait_for("settings file applied")
        settings_file.write_text("[general]\nproduct_name = 1")
        mailroom.wait_for("settings file has errors")


def test_serve_does_not_start_with_a_wrong_file(settings_file: Path, tmp_path: Path) -> None:
    settings_file.write_text("[general]\nproduct_name = 1")
    environ = {"MAILROOM_SETTINGS": str(settings_file), "MAILROOM_INSTANCE": str(tmp_path / "none")}
    refused = run_mailroom(["serve", "--port", str(free_port())], environ=environ)
    assert refused.exit_code == 2
    reason = "line 2, general.product_name: Write a text in quotes, not a whole number."
    assert f"Error: The settings file {settings_file} is wrong: {reason}\n" in refused.stderr
