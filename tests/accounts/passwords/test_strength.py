"""How hard a password is to guess, and what is said about it."""

import ast
import time
from pathlib import Path

import zxcvbn.feedback
from zxcvbn.matching import RANKED_DICTIONARIES

from webapp.accounts.passwords.strength import MAX_LENGTH, SUGGESTIONS, WARNINGS, estimate


def test_everything_that_zxcvbn_can_say_has_words_of_ours() -> None:
    tree = ast.parse(Path(zxcvbn.feedback.__file__).read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    said = [ast.literal_eval(call.args[0]) for call in calls if isinstance(call.func, ast.Name) and call.func.id == "_"]
    assert len(said) > 20
    assert {*WARNINGS, *SUGGESTIONS} == set(said)


def test_a_password_with_disguises_without_end_is_looked_at_in_no_time() -> None:
    begun = time.process_time()
    estimate("4@8({[<369|1!17$5+0%24@8({[<369|1!17$5+0%2")
    assert time.process_time() - begun < 0.7


def test_of_a_very_long_password_only_the_beginning_is_looked_at() -> None:
    begun = time.process_time()
    assert estimate("a" * MAX_LENGTH + "kxvqpwzj" * 10_000).too_easy
    assert time.process_time() - begun < 0.7


def test_every_password_that_leaks_often_is_too_easy() -> None:
    leaked = [password for password in RANKED_DICTIONARIES["passwords"] if len(password) >= 8]
    # Some that zxcvbn takes for better ones, and as many others as a test has time for.
    unlike = ["0192837465", "741258963", "918273645", "963258741"]
    assert len(leaked) > 10_000
    assert set(unlike) <= set(leaked)
    assert [password for password in [*unlike, *leaked[::50]] if not estimate(password).too_easy] == []


def test_words_of_one_estimate_are_not_known_in_the_next() -> None:
    assert estimate("zyrgoblaxx1", ["zyrgoblaxx"]).too_easy
    assert not estimate("zyrgoblaxx1").too_easy


def test_the_empty_password_is_guessed_at_once() -> None:
    assert estimate("").score == 0
