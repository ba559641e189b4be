"""Estimates of how hard a password is to guess."""

import ast
import time
from pathlib import Path

import zxcvbn.feedback
from zxcvbn.matching import RANKED_DICTIONARIES

from webapp.accounts.passwords.strength import MAX_ESTIMATED_LENGTH, SUGGESTIONS, WARNINGS, estimate


def test_every_text_of_zxcvbn_has_a_translation_of_ours() -> None:
    tree = ast.parse(Path(zxcvbn.feedback.__file__).read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    said = [ast.literal_eval(call.args[0]) for call in calls if isinstance(call.func, ast.Name) and call.func.id == "_"]
    assert len(said) > 20
    assert {*WARNINGS, *SUGGESTIONS} == set(said)


def test_a_password_with_countless_readings_is_estimated_quickly() -> None:
    begun = time.thread_time()
    estimate("4@8({[<369|1!17$5+0%24@8({[<369|1!17$5+0%2")
    assert time.thread_time() - begun < 2


def test_only_the_start_of_a_very_long_password_is_estimated() -> None:
    begun = time.thread_time()
    assert estimate("a" * MAX_ESTIMATED_LENGTH + "kxvqpwzj" * 10_000).is_guessable
    assert time.thread_time() - begun < 2


def test_frequently_leaked_passwords_are_guessable() -> None:
    leaked = [password for password in RANKED_DICTIONARIES["passwords"] if len(password) >= 8]
    # Some that zxcvbn overrates, and a sample of the others.
    overrated = ["0192837465", "741258963", "918273645", "963258741"]
    assert len(leaked) > 10_000
    assert set(overrated) <= set(leaked)
    assert [password for password in [*overrated, *leaked[::50]] if not estimate(password).is_guessable] == []


def test_the_words_of_one_estimate_do_not_affect_the_next() -> None:
    assert estimate("zyrgoblaxx1", ["zyrgoblaxx"]).is_guessable
    assert not estimate("zyrgoblaxx1").is_guessable


def test_the_empty_password_has_the_lowest_score() -> None:
    assert estimate("").score == 0
