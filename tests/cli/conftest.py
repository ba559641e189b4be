"""The `mailroom` command on the application of the test."""

import json
from typing import Any

import pytest
from click.testing import Result
from flask import Flask

from tests.support.command import run_mailroom


class Command:
    """Runs `mailroom`; `json` adds --json and returns what that prints, whatever the exit code."""

    def __init__(self, app: Flask) -> None:
        self.app = app

    def __call__(self, *arguments: str, stdin: str = "") -> Result:
        return run_mailroom(arguments, stdin, app=self.app)

    def json(self, *arguments: str, stdin: str = "") -> Any:
        return json.loads(self(*arguments, "--json", stdin=stdin).stdout)


@pytest.fixture
def mailroom(app: Flask) -> Command:
    return Command(app)
