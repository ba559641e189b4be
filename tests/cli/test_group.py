"""What is common to all commands."""

from pathlib import Path

import pytest

from tests.support.command import run_mailroom


@pytest.mark.parametrize("command", [("doctor",), ("outbox", "list"), ("rotate-keys",)])
def test_in_a_wrong_folder_no_installation_is_begun(command: tuple[str, ...], tmp_path: Path) -> None:
    environ = {"MAILROOM_INSTANCE": str(tmp_path / "instance"), "MAILROOM_DATABASE_URL": None}
    result = run_mailroom([*command], environ=environ)
    assert (result.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert f"There is no database in {tmp_path / 'instance'}. Set MAILROOM_INSTANCE" in result.stderr


def test_upgrade_begins_one(tmp_path: Path) -> None:
    environ = {"MAILROOM_INSTANCE": str(tmp_path / "instance"), "MAILROOM_DATABASE_URL": None}
    assert run_mailroom(["upgrade"], environ=environ).exit_code == 0
    assert run_mailroom(["outbox", "list"], environ=environ).exit_code == 0
