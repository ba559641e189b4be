"""Passwords hashed with the smallest effort: the tests hash hundreds."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import argon2


@contextmanager
def password_hashing() -> Iterator[None]:
    """Make every argon2 hash cheap. What is hashed, and how it is checked, stays as it is."""
    hash_secret = argon2.low_level.hash_secret

    def cheap(**given: Any) -> bytes:
        return hash_secret(**given | {"time_cost": 1, "memory_cost": 8, "parallelism": 1})

    with mock.patch("argon2._password_hasher.hash_secret", cheap):
        yield
