"""How passwords are kept."""

import argon2

from webapp.accounts import passwords


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
