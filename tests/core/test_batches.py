"""Batches: several threads share a transaction."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from webapp.core.batches import Batches
from webapp.core.database import Database

NUMBER = 12


class Store:
    """Stores numbers, slowly at first, and refuses negative ones; it breaks at zero."""

    def __init__(self) -> None:
        self.stored: list[list[int]] = []
        self.may_go_on = threading.Event()

    def __call__(self, _session: Session, numbers: Sequence[int]) -> list[int | Exception]:
        self.stored.append(list(numbers))
        self.may_go_on.wait(10)
        if 0 in numbers:
            raise RuntimeError("zero")
        return [ValueError("negative") if one < 0 else one * 2 for one in numbers]


def add_together(database: Database, store: Store, numbers: Sequence[int]) -> list[int | Exception]:
    """Add a first number, all others while it is being stored, and return what became of each."""
    batches: Batches[int, int] = Batches(store)

    def add(number: int) -> int | Exception:
        try:
            return batches.add(database, number)
        except (ValueError, RuntimeError, OperationalError) as error:
            return error

    with ThreadPoolExecutor(len(numbers)) as threads:
        pending = [threads.submit(add, number) for number in numbers]
        while len(batches._waiting) < len(numbers) - 1:
            pass
        store.may_go_on.set()
        return [one.result() for one in pending]


@pytest.mark.one_database
def test_what_comes_during_a_commit_shares_the_next_one(database: Database) -> None:
    store = Store()
    assert add_together(database, store, range(1, NUMBER + 1)) == [2 * one for one in range(1, NUMBER + 1)]
    assert [len(batch) for batch in store.stored] == [1, NUMBER - 1]


@pytest.mark.one_database
def test_each_gets_its_own_error(database: Database) -> None:
    results = add_together(database, Store(), [1, 2, -3, 4])
    assert [str(one) for one in results] == ["2", "4", "negative", "8"]


@pytest.mark.one_database
def test_one_that_breaks_the_transaction_does_not_break_the_others(database: Database) -> None:
    results = add_together(database, Store(), [1, 2, 0, 4])
    assert [str(one) for one in results] == ["2", "4", "zero", "8"]
