"""How hard passwords are to guess, and what is said about it."""

import ast
import random
import time
from inspect import getsource

import pytest
from zxcvbn import feedback
from zxcvbn.matching import RANKED_DICTIONARIES

from webapp.accounts import strength
from webapp.accounts.strength import LOOKALIKES, estimate


@pytest.mark.parametrize("password", ["password1", "Passw0rd!", "qwertyuiop", "aaaaaaaaaaaa", "12345678", "drowssap1"])
def test_what_is_tried_first_is_too_easy_and_one_is_told_why(password: str) -> None:
    found = estimate(password)
    assert found.too_easy
    assert str(found.warning) or found.suggestions


@pytest.mark.parametrize(
    "password", ["a quite long sentence 7", "correct horse battery", "pässwörd", "🐘🦒🦓🦏🐊🐆🦁🐪"]
)
def test_what_nobody_tries_soon_is_good_enough(password: str) -> None:
    assert not estimate(password).too_easy


def test_every_password_that_leaks_often_is_too_easy() -> None:
    leaked = [password for password in RANKED_DICTIONARIES["passwords"] if len(password) >= 8]
    # All that zxcvbn takes for better ones, and as many again as a test has time for.
    unlike = ["0192837465", "741258963", "918273645", "963258741"]
    assert len(leaked) > 10_000
    assert set(unlike) <= set(leaked)
    assert [password for password in [*unlike, *leaked[::50]] if not estimate(password).too_easy] == []


def test_words_of_the_person_count_for_this_password_alone() -> None:
    assert not estimate("zoltanovich").too_easy
    assert str(estimate("Zoltanovich1", ["zoltanovich"]).warning) == str(strength.PERSONAL)
    assert not estimate("zoltanovich").too_easy


def test_no_password_takes_long_to_look_at() -> None:
    lookalikes, chance = sorted(LOOKALIKES), random.Random(7)
    passwords = ["".join(chance.choices(lookalikes, k=2000)) for _ in range(5)]
    start = time.process_time()
    for password in passwords:
        estimate(password)
    assert time.process_time() - start < 2.5


def test_everything_that_zxcvbn_says_has_words_of_ours() -> None:
    calls = [node for node in ast.walk(ast.parse(getsource(feedback))) if isinstance(node, ast.Call)]
    said = {ast.literal_eval(call.args[0]) for call in calls if isinstance(call.func, ast.Name) and call.func.id == "_"}
    assert said == set(strength.WARNINGS) | set(strength.SUGGESTIONS)
