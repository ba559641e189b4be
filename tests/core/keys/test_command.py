"""The output of `mailroom rotate-keys`, and Mailroom without its secret key."""

import json
import logging
from collections.abc import Callable, Iterator

import pytest
from click.testing import Result
from flask import Flask

from tests.core.keys.conftest import Rotate, Save, Start, save_sealed
from tests.mail.page import PAGE, custom
from tests.support.browser import Browser
from tests.support.command import run_mailroom
from tests.support.running import free_port
from webapp.core.app_state import AppState
from webapp.core.config import Config
from webapp.core.sealing import KeySealer

pytestmark = pytest.mark.one_database
Command = Callable[..., Result]
OTHER = "not the secret key of the tests"


@pytest.fixture
def command(config: Config) -> Iterator[Command]:
    """Run the command with these arguments, and with another secret key if one is given."""
    handlers = logging.getLogger().handlers[:]

    def go(*arguments: str, secret_key: str = config.secret_key) -> Result:
        given = {"INSTANCE": str(config.instance), "DATABASE_URL": config.database_url, "SECRET_KEY": secret_key}
        return run_mailroom(arguments, environ={f"MAILROOM_{name}": value for name, value in given.items()})

    yield go
    logging.getLogger().handlers = handlers


def test_the_command_says_what_was_done_and_what_is_left_to_do(command: Command, save: Save, state: AppState) -> None:
    save("kept")
    result = command("rotate-keys")
    assert result.exit_code == 0, result.output
    assert "Re-encrypted in mail_servers: 1." in result.output
    assert "To change it, set MAILROOM_SECRET_KEY to `new,old`" in result.output
    both = command("rotate-keys", secret_key=f"{OTHER},{state.config.secret_key}")
    assert "Remove the others from MAILROOM_SECRET_KEY." in both.output


def test_the_command_fails_and_names_a_value_that_no_key_opens(command: Command, state: AppState) -> None:
    server_id = save_sealed(state.database, KeySealer([OTHER]).seal("foreign", "mail_server.password"))
    result = command("rotate-keys", "--drop-old")
    assert result.exit_code == 1
    assert f"mail_servers {server_id} sealed_secrets password" in result.stdout
    assert "Not complete" in result.stderr
    as_json = command("rotate-keys", "--json")
    found = json.loads(as_json.stdout)
    assert (as_json.exit_code, found["complete"], len(found["lost"]), found["left"]) == (1, False, 1, [])


def test_without_the_secret_key_commands_say_what_is_missing(command: Command, rotate: Rotate) -> None:
    rotate()
    for arguments in (["rotate-keys"], ["serve", "--port", str(free_port())]):
        result = command(*arguments, secret_key=OTHER)
        assert result.exit_code == 2, arguments
        assert "Error: MAILROOM_SECRET_KEY: can't decrypt the newest key" in result.stderr
    assert (
        "Deleted keys that the secret key can't decrypt: 2"
        in command("rotate-keys", "--drop-lost", secret_key=OTHER).output
    )


def test_a_process_without_the_secret_key_is_not_ready(start: Start, app: Flask, rotate: Rotate) -> None:
    rotate()
    answer = Browser(start(secret_key=OTHER)).get("/readyz")
    assert (answer.status_code, answer.json) == (503, {"status": "unavailable", "reason": "secret key"})


def test_without_the_secret_key_a_form_with_secrets_says_where_to_look(
    start: Start, administrator: Browser, rotate: Rotate
) -> None:
    rotate()
    keyless = Browser(start(secret_key=OTHER), administrator.user.id)
    keyless.start_session()
    answer = keyless.submit(PAGE, button="save", **custom())
    assert (answer.status_code, "The reason is in Mailroom's log" in answer.text) == (503, True)
