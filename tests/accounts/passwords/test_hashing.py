"""How passwords are kept."""

import argon2

from webapp.accounts.passwords import hashing


def test_keyboards_that_build_characters_differently_give_the_same_password() -> None:
    kept = hashing.hash_password("e\u0301ducation ①")
    assert hashing.verify("éducation 1", kept)
    assert hashing.verify("éducation 1\r\n", kept)
    assert not hashing.verify("education 1", kept)


def test_nobody_has_a_password() -> None:
    assert not hashing.verify("", None)
    assert not hashing.verify("12345678", None)


def test_without_an_account_a_password_costs_what_a_new_hash_costs() -> None:
    nobodys, new = hashing._nobodys(), hashing.hash_password("12345678")
    assert argon2.extract_parameters(nobodys) == argon2.extract_parameters(new)


def test_a_hash_with_other_parameters_is_outdated() -> None:
    assert hashing.needs_rehash(argon2.PasswordHasher(time_cost=2, memory_cost=8, parallelism=1).hash("12345678"))
    assert not hashing.needs_rehash(hashing.hash_password("12345678"))


def test_a_broken_hash_fits_nothing() -> None:
    assert not hashing.verify("12345678", "not a hash")
