"""Password hashing."""

import argon2

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
