"""One transaction for what several threads want stored: a commit waits for the disk, and takes as long for many.

SQLite has a single writer, and those who wait for it look again later and later. Here they wait for each other instead.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from sqlalchemy.orm import Session

from webapp.core.database import DATABASE_UNAVAILABLE, Database

# Of one transaction, so that nobody else waits long for it.
MAX_ITEMS = 100

Item = TypeVar("Item")
Result = TypeVar("Result")
# Stores items in the transaction of a session; returns a result or an error for each.
Store = Callable[[Session, Sequence[Item]], Sequence[Result | Exception]]


class _Order(Generic[Item, Result]):
    """An item, and what became of it: a result or an error."""

    def __init__(self, item: Item) -> None:
        self.item, self.is_done = item, False
        self.result: Result | None = None
        self.error: Exception | None = None


class Batches(Generic[Item, Result]):
    """Stores the items of several threads together. What comes while a batch is committed shares the next one."""

    def __init__(self, store: Store[Item, Result]) -> None:
        self._store = store
        self._waiting: list[_Order[Item, Result]] = []
        self._changed = threading.Condition()
        self._is_busy = False

    def add(self, database: Database, item: Item) -> Result:
        """Return the result of an item once it is committed. Raises its error, or why nothing can be stored."""
        order: _Order[Item, Result] = _Order(item)
        with self._changed:
            self._waiting.append(order)
            self._changed.wait_for(lambda: order.is_done or not self._is_busy)
            batch = [] if order.is_done else self._take()
        if batch:
            self._finish(database, batch)
        if order.error is not None:
            raise order.error
        assert order.result is not None  # noqa: S101 -- for mypy: one of them is there
        return order.result

    def _take(self) -> list[_Order[Item, Result]]:
        """Take what waits; the caller holds the lock."""
        self._is_busy = True
        taken, self._waiting = self._waiting[:MAX_ITEMS], self._waiting[MAX_ITEMS:]
        return taken

    def _finish(self, database: Database, batch: list[_Order[Item, Result]]) -> None:
        try:
            self._commit(database, batch)
        finally:
            with self._changed:
                for order in batch:
                    order.is_done = True
                self._is_busy = False
                self._changed.notify_all()

    def _commit(self, database: Database, batch: list[_Order[Item, Result]]) -> None:
        results = commit_all(database, self._store, [order.item for order in batch])
        for order, result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                order.error = result
            else:
                order.result = result


def commit_all(database: Database, store: Store[Item, Result], items: Sequence[Item]) -> Sequence[Result | Exception]:
    """Store items in one transaction; return a result or an error for each.

    If an error that is no result undoes the transaction, each item is stored alone: the error of one must not become
    that of all.
    """
    try:
        with database.transaction() as session:
            return store(session, items)
    except DATABASE_UNAVAILABLE as error:
        return [error] * len(items)
    except Exception as error:
        if len(items) > 1:
            return [result for one in items for result in commit_all(database, store, [one])]
        return [error]
