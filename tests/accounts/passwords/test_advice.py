"""Advice on a password while it is typed."""

import logging

import pytest
from sqlalchemy import func, select

from tests.support.browser import Browser
from webapp.accounts import throttles
from webapp.accounts.passwords.advice import advice
from webapp.accounts.passwords.policy import PasswordPolicy
from webapp.audit.models import AuditEntry
from webapp.core.database import Database
from webapp.settings.service import SecurityPolicy

SENT = {"email": "ada@example.com", "name": "Ada Lovelace"}
pytestmark = pytest.mark.one_database


@pytest.mark.parametrize(
    ("password", "text", "good"),
    [
        ("kxv", "Too short: use at least 8 characters.", False),
        ("password", "This password is easy to guess.", False),
        ("lovelace 1 2", "This password is acceptable, but not hard to guess.", False),
        ("a quite long sentence 7", "This password is hard to guess.", True),
    ],
)
def test_advice_says_what_is_left_to_do(password: str, text: str, good: bool) -> None:
    found = advice(PasswordPolicy(SecurityPolicy(), "Mailroom"), password, SENT["email"], SENT["name"])
    assert (found.text.startswith(text), found.good) == (True, good)


def test_anybody_is_advised_in_their_language(stranger: Browser) -> None:
    answer = stranger.post("/password-advice", password="kxv")
    assert answer.json == {"text": "Too short: use at least 8 characters.", "good": False}
    assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("password", ["", "\0", "x" * 100_000, "\ud83d", "🐘" * 3000])
def test_anything_may_be_typed(stranger: Browser, password: str) -> None:
    sent = password.encode("utf-8", "surrogatepass")
    answer = stranger.client.post("/password-advice", data={"csrf_token": stranger.csrf_token(), "password": sent})
    assert (answer.status_code, bool(answer.json and answer.json["text"])) == (200, True)


def test_without_a_token_nobody_is_advised(stranger: Browser) -> None:
    assert stranger.client.post("/password-advice", data={"password": "kxvqpwzj"}).status_code == 400


@pytest.mark.parametrize("headers", [{"Accept": "application/json"}, {"Accept": "*/*", "Sec-Fetch-Dest": "empty"}])
def test_a_refused_script_leaves_the_message_to_the_page(stranger: Browser, headers: dict[str, str]) -> None:
    with stranger.client.session_transaction() as session:
        session["_flashes"] = [("success", "Your account is active.")]
    refused = stranger.client.post("/password-advice", headers=headers)
    assert (refused.status_code, refused.mimetype) == (400, "text/plain")
    assert "Your account is active." in stranger.get("/login").text


def test_what_is_typed_is_neither_logged_nor_recorded(
    stranger: Browser, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        stranger.post("/password-advice", password="kxvqpwzj-secret")
    assert "kxvqpwzj" not in caplog.text
    with database.read() as session:
        assert (
            session.scalar(select(func.count()).select_from(AuditEntry).where(AuditEntry.event.contains("advice"))) == 0
        )


def test_advice_is_not_given_without_end(stranger: Browser, database: Database) -> None:
    with database.transaction() as session:
        for _ in range(throttles.PASSWORD_ADVICE_BY_NETWORK.times):
            throttles.count_password_advice(session, "127.0.0.1")
    assert stranger.post("/password-advice", password="kxv").status_code == 429
