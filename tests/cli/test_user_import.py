"""`mailroom users import`: report, exit codes, options."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.cli.conftest import Command
from webapp.accounts.bulk_jobs import service as bulk_jobs
from webapp.core.app_state import AppState

pytestmark = pytest.mark.one_database

GOOD, MIXED = "ada@example.com,Ada\nbob@example.com,Bob\n", "ada@example.com,Ada\nbob,Bob\nada@example.com,Ada\n"


class Import:
    """The command on a file with this text."""

    def __init__(self, mailroom: Command, path: Path) -> None:
        self.mailroom, self.path = mailroom, path

    def __call__(self, text: str, *options: str, encoding: str = "utf-8") -> Result:
        self.path.write_bytes(text.encode(encoding))
        return self.mailroom("users", "import", str(self.path), *options)

    def people(self) -> list[dict[str, Any]]:
        """Everybody who has an account, in the order of their ids."""
        users: list[dict[str, Any]] = self.mailroom.json("users", "list")
        return users[::-1]


@pytest.fixture
def import_file(mailroom: Command, tmp_path: Path) -> Import:
    return Import(mailroom, tmp_path / "people.csv")


def test_it_creates_everybody_and_exits_with_0(import_file: Import) -> None:
    result = import_file(GOOD)
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "Created: 2")
    assert [user["name"] for user in import_file.people()] == ["Ada", "Bob"]


def test_people_who_are_skipped_are_no_failure(import_file: Import) -> None:
    import_file(GOOD)
    result = import_file(GOOD)
    assert (result.exit_code, "Skipped (already have an account): 2" in result.stdout) == (0, True)


def test_bad_lines_are_named_and_the_exit_code_is_1(import_file: Import) -> None:
    result = import_file(MIXED)
    assert result.exit_code == 1
    assert "Line 2: Enter an email address such as ada@example.com. “bob”" in result.stdout
    assert len(import_file.people()) == 1


@pytest.mark.parametrize("text", ["", "a;b\n"], ids=["empty", "without addresses"])
def test_what_can_not_be_imported_exits_with_2(import_file: Import, text: str) -> None:
    result = import_file(text)
    assert (result.exit_code, result.stderr.startswith("Error: ")) == (2, True)


def test_a_file_without_addresses_is_refused_with_what_to_do(import_file: Import) -> None:
    assert "Name one “email”." in import_file("a;b\n").stderr


def test_a_file_that_is_not_there_exits_with_2(mailroom: Command, tmp_path: Path) -> None:
    assert mailroom("users", "import", str(tmp_path / "nothing.csv")).exit_code == 2


def test_the_report_is_json_if_asked_for(import_file: Import) -> None:
    report = json.loads(import_file(MIXED, "--json").stdout)
    assert (report["created"], report["duplicate"], report["bad"], report["not_completed_because"]) == (1, 1, 1, None)
    assert [problem["line"] for problem in report["problems"]] == [2]


def test_a_dry_run_says_the_same_and_creates_nobody(import_file: Import, state: AppState) -> None:
    result = import_file(MIXED, "--dry-run")
    assert (result.exit_code, "Would be created: 1" in result.stdout, "Line 2:" in result.stdout) == (1, True, True)
    assert import_file.people() == []
    assert list(bulk_jobs.data_of(state.database, 1)) == []


def test_activation_emails_are_sent_if_asked_for(import_file: Import) -> None:
    import_file("ada@example.com\n")
    import_file("bob@example.com\n", "--send-activation")
    (message,) = import_file.mailroom.json("outbox", "list")
    assert (message["kind"], message["recipient"]) == ("activation", "bob@example.com")


def test_the_role_and_the_encoding_can_be_given(import_file: Import) -> None:
    import_file("ada@example.com,Їжак\n", "--role", "administrator", "--encoding", "cp1251", encoding="cp1251")
    assert [(user["name"], user["role"]) for user in import_file.people()] == [("Їжак", "administrator")]
