"""Password hashing."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import argon2
import pytest

from tests.support.browser import Browser
from webapp.accounts.passwords import hashing


def test_a_password_is_the_same_however_its_characters_are_composed() -> None:
    stored_hash = hashing.hash_password("e\u0301ducation ①")
    assert hashing.verify("éducation 1", stored_hash)
    assert hashing.verify("éducation 1\r\n", stored_hash)
    assert not hashing.verify("education 1", stored_hash)


def test_without_a_stored_hash_no_password_matches() -> None:
    assert not hashing.verify("", None)
    assert not hashing.verify("12345678", None)


def test_a_hash_with_other_parameters_needs_a_rehash() -> None:
    assert hashing.needs_rehash(argon2.PasswordHasher(time_cost=2, memory_cost=8, parallelism=1).hash("12345678"))
    assert not hashing.needs_rehash(hashing.hash_password("12345678"))


def test_a_damaged_hash_matches_nothing() -> None:
    assert not hashing.verify("12345678", "not a hash")


def test_as_many_passwords_are_hashed_at_once_as_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = SlowHasher()
    monkeypatch.setattr(hashing, "_hasher", slow)
    with ThreadPoolExecutor(32) as people:
        stored = list(people.map(hashing.hash_password, ["12345678"] * 32))
        assert (len(stored), slow.most) == (32, os.cpu_count())


@pytest.mark.one_database
def test_those_who_would_wait_long_are_told_to_come_back(stranger: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "PATIENCE", 0.05)
    monkeypatch.setattr(hashing, "_places", threading.BoundedSemaphore(1))
    page = stranger.get("/login")
    with hashing._places:
        answer = stranger.submit_on(page, email="ada@mailroom.example", password="12345678")
    assert (answer.status_code, answer.headers["Retry-After"], "Very busy" in answer.text) == (503, "60", True)
    assert stranger.submit_on(page, email="ada@mailroom.example", password="12345678").status_code == 200


class SlowHasher(argon2.PasswordHasher):
    """Counts how many hash at once."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.now = self.most = 0

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.now += 1
        self.most = max(self.most, self.now)
        time.sleep(0.02)
        self.now -= 1
        return super().hash(password, salt=salt)
