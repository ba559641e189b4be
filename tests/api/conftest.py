"""Programs that use the API."""

from collections.abc import Callable
from contextvars import Context
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.support.applications import SECRET, add_application
from webapp.core.database import Database

API = "/api/v1"
EMAIL: dict[str, Any] = {
    "from": "Shop <orders@shop.example>",
    "to": "ada@people.example",
    "subject": "Your order",
    "text": "It has been shipped.\n",
}


class Program:
    """A program with the secret of an application."""

    def __init__(self, app: Flask, secret: str = SECRET) -> None:
        self.app, self.secret = app, secret

    def get(self, path: str, **options: Any) -> TestResponse:
        """Ask for something."""
        return self.send("GET", path, **options)

    def post(self, path: str, body: Any = None, key: str = "", **options: Any) -> TestResponse:
        """Send JSON, with an Idempotency-Key if there is one."""
        headers = {**options.pop("headers", {}), **({"Idempotency-Key": key} if key else {})}
        more = {} if body is None else {"json": body}
        return self.send("POST", path, headers=headers, **more, **options)

    def submit(self, key: str = "", **fields: Any) -> TestResponse:
        """Send an email; None leaves a field out."""
        email = {name: value for name, value in (EMAIL | fields).items() if value is not None}
        return self.post("/messages", email, key)

    def send(self, method: str, path: str, **options: Any) -> TestResponse:
        """Send a request to a path below the API, or to the Location of an earlier response."""
        path = path if path.startswith(API) else API + path
        headers = {"Authorization": f"Bearer {self.secret}", **options.pop("headers", {})}
        # Outside of any application context of the test, like a server.
        return Context().run(self.app.test_client().open, path, method=method, headers=headers, **options)


@pytest.fixture
def shop(app: Flask, database: Database) -> Program:
    """A program that may send from shop.example."""
    add_application(database)
    return Program(app)


@pytest.fixture
def other(app: Flask, database: Database) -> Program:
    """A program of another application."""
    secret = "the secret of the other one, as long as the first"
    add_application(database, "Other", secret, identifier="app_other", allowed_senders=["other.example"])
    return Program(app, secret)


@pytest.fixture
def submitted(shop: Program) -> Callable[..., str]:
    """Send an email and return its URL."""

    def submit(**fields: Any) -> str:
        answer = shop.submit(**fields)
        assert answer.status_code == 202, answer.text
        return answer.location

    return submit


def wrong_fields(answer: TestResponse) -> dict[str, str]:
    """Return what a problem says of each part."""
    assert answer.json is not None
    return {
        error.get("pointer") or error.get("parameter") or error["header"]: error["detail"]
        for error in answer.json["errors"]
    }
