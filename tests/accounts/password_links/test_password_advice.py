"""Advice on a password while it is entered."""

import logging

import pytest
from sqlalchemy import func, select

from tests.support.browser import Browser
from webapp.accounts import throttles
from webapp.audit.models import AuditEntry
from webapp.core.database import Database

pytestmark = pytest.mark.one_database


def test_visitors_get_advice(stranger: Browser) -> None:
    answer = stranger.post("/password-advice", password="kxv")
    assert answer.json == {"text": "Too short: use at least 8 characters.", "good": False}
    assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("password", ["", "\0", "x" * 100_000, "\ud83d", "🐘" * 3000])
def test_any_input_gets_advice(stranger: Browser, password: str) -> None:
    sent = password.encode("utf-8", "surrogatepass")
    answer = stranger.client.post("/password-advice", data={"csrf_token": stranger.csrf_token(), "password": sent})
    assert (answer.status_code, bool(answer.json and answer.json["text"])) == (200, True)


@pytest.mark.parametrize("headers", [{"Accept": "application/json"}, {"Accept": "*/*", "Sec-Fetch-Dest": "empty"}])
def test_a_refusal_to_a_script_leaves_flash_messages_alone(stranger: Browser, headers: dict[str, str]) -> None:
    with stranger.client.session_transaction() as session:
        session["_flashes"] = [("success", "Your account is active.")]
    refused = stranger.client.post("/password-advice", headers=headers)
    assert (refused.status_code, refused.mimetype) == (400, "text/plain")
    assert "Your account is active." in stranger.get("/login").text


def test_the_password_is_neither_logged_nor_recorded(
    stranger: Browser, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        stranger.post("/password-advice", password="kxvqpwzj-secret")
    assert "kxvqpwzj" not in caplog.text
    with database.read() as session:
        assert (
            session.scalar(select(func.count()).select_from(AuditEntry).where(AuditEntry.event.contains("advice"))) == 0
        )


def test_advice_is_limited(stranger: Browser, database: Database) -> None:
    with database.transaction() as session:
        for _ in range(throttles.PASSWORD_ADVICE_BY_NETWORK.times):
            throttles.count_for_network(session, throttles.PASSWORD_ADVICE_BY_NETWORK, "127.0.0.1")
    assert stranger.post("/password-advice", password="kxv").status_code == 429
