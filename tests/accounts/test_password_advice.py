"""What is said about a password while it is typed."""

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.support.browser import Browser
from tests.test_access import everything
from webapp.accounts import tries
from webapp.database import Database
from webapp.limits import Limit

pytestmark = pytest.mark.one_database


def advice(browser: Browser, password: str, **fields: Any) -> Any:
    """What the page is told."""
    answer: TestResponse = browser.post("/password-advice", password=password, **fields)
    assert answer.status_code == 200
    return answer.json


def test_a_weak_password_gets_its_cause_and_what_would_help(stranger: Browser) -> None:
    said = advice(stranger, "aaaaaaaaa")
    assert said["score"] == 0
    assert said["texts"] == [
        "Repeated characters such as “aaa” are easy to guess.",
        "Add a word or two, better uncommon ones.",
        "Do without repeated words and characters.",
    ]


def test_a_good_password_is_called_good(stranger: Browser) -> None:
    assert advice(stranger, "a quite long sentence 7") == {"score": 4, "texts": ["A very good password."]}


def test_a_broken_rule_comes_first(stranger: Browser) -> None:
    said = advice(stranger, "z7!kQ")
    assert (said["score"], said["texts"][0]) == (1, "Too short: at least 8 characters.")


def test_words_typed_beside_it_and_of_who_is_signed_in_count(stranger: Browser, member: Browser) -> None:
    assert advice(stranger, "zoltanovich1")["score"] > 1
    assert advice(stranger, "zoltanovich1", email="z@zoltanovich.example")["score"] == 1
    assert advice(stranger, "zoltanovich1", name="Ada Zoltanovich")["score"] == 1
    assert advice(member, "max@mailroom.example1")["score"] <= 1


@pytest.mark.parametrize("password", ["", "\0", "é" * 100_000, "\ud800"])
def test_any_text_gets_an_answer(stranger: Browser, password: str) -> None:
    assert advice(stranger, password.encode(errors="surrogatepass").decode(errors="replace"))["texts"]


def test_nothing_of_it_is_kept_or_logged(
    stranger: Browser, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    before = everything(database)
    with caplog.at_level(logging.DEBUG):
        advice(stranger, "zoltanovich1")
    assert everything(database) == before
    assert "zoltanovich1" not in caplog.text


def test_advice_is_limited_and_asks_for_a_token(stranger: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    few = replace(tries.ADVICE, usual=Limit("password advice, network", 1, timedelta(minutes=10)))
    monkeypatch.setattr(tries, "ADVICE", few)
    advice(stranger, "zoltanovich1")
    assert stranger.post("/password-advice", password="zoltanovich1").status_code == 429
    assert stranger.client.post("/password-advice", data={"password": "zoltanovich1"}).status_code == 400
