"""Which passwords are good enough, and how they are kept."""

import argon2
import pytest

from webapp.accounts import passwords
from webapp.accounts.passwords import BadPassword

ADA = "ada@example.com"


@pytest.mark.parametrize("password", ["12345678", "        ", "pässwörd", "🐘🐘🐘🐘🐘🐘🐘🐘", "x" * 256])
def test_length_is_all_that_counts(password: str) -> None:
    passwords.check(password, ADA)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("1234567", "at least 8"),
        ("1234567\n", "at least 8"),
        ("ö" * 7, "at least 8"),
        ("x" * 257, "at most 256"),
        ("ada@example.com", "other than your e-mail address"),
        ("ADA@Example.COM", "other than your e-mail address"),
    ],
)
def test_a_password_that_breaks_a_rule_is_refused_in_words(password: str, reason: str) -> None:
    with pytest.raises(BadPassword, match=reason):
        passwords.check(password, ADA)


def test_keyboards_that_build_characters_differently_give_the_same_password() -> None:
    kept = passwords.hashed("e\u0301ducation ①")
    assert passwords.fits("éducation 1", kept)
    assert passwords.fits("éducation 1\r\n", kept)
    assert not passwords.fits("education 1", kept)


def test_nobody_has_a_password() -> None:
    assert not passwords.fits("", None)
    assert not passwords.fits("12345678", None)


def test_without_an_account_a_password_costs_what_a_new_hash_costs() -> None:
    nobodys, new = passwords._nobodys(), passwords.hashed("12345678")
    assert argon2.extract_parameters(nobodys) == argon2.extract_parameters(new)


def test_a_hash_with_other_parameters_is_outdated() -> None:
    assert passwords.outdated(argon2.PasswordHasher(time_cost=2, memory_cost=8, parallelism=1).hash("12345678"))
    assert not passwords.outdated(passwords.hashed("12345678"))


def test_a_broken_hash_fits_nothing() -> None:
    assert not passwords.fits("12345678", "not a hash")
