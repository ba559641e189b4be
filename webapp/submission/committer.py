"""Stores handed-in emails: those that arrive while a transaction is committed share the next one."""

import asyncio
import queue
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property

import structlog
from flask import Flask
from sqlalchemy.orm import Session

from webapp.applications.models import Application
from webapp.applications.usage import REFUSALS
from webapp.core import clock, counts
from webapp.core.app_state import app_state_of
from webapp.core.counts import Counted
from webapp.core.database import DATABASE_UNAVAILABLE
from webapp.core.errors import MailroomError
from webapp.outbox.submissions import service
from webapp.outbox.submissions.models import Submission
from webapp.outbox.submissions.service import Handed
from webapp.submission import refusals
from webapp.submission.replies import Refusal, unavailable
from webapp.submission.unanswered import Unanswered, digest_of

# Of one transaction: emails, and bytes, after which no further one is added.
MAX_EMAILS, MAX_BYTES = 100, 32 * 1024 * 1024
# Seconds between two looks whether refusals have to be counted.
COUNT_INTERVAL = 5.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Order:
    """An email to store, of an application, and where its public id goes, or the Refusal."""

    application_id: int
    handed: Handed
    done: "Future[str]" = field(default_factory=Future, compare=False)

    @cached_property
    def digest(self) -> str:
        """What it has in common with the same email that is handed in again."""
        return digest_of(self.application_id, self.handed)


class Committer:
    """A thread that stores emails. An email is answered for only after the commit, which waits for the disk."""

    def __init__(self, app: Flask) -> None:
        self._app, self._state = app, app_state_of(app)
        self._orders: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self._refusals: Counter[Counted] = Counter()
        self._counting = threading.Lock()
        self._unanswered = Unanswered(self._state.config.instance)
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Store what was handed in, then end the thread."""
        self._orders.put(None)
        self._thread.join()

    async def store(self, application_id: int, handed: Handed) -> str:
        """Store an email and return its public id, once it is on the disk. Raises Refusal."""
        order = Order(application_id, handed)
        self._orders.put(order)
        # Whatever becomes of the client, the email is stored.
        return await asyncio.shield(asyncio.wrap_future(order.done))

    def count(self, reason: str, application_id: int | None) -> None:
        """Count a refusal."""
        with self._counting:
            self._refusals[Counted(REFUSALS, reason, str(application_id or ""))] += 1

    def _run(self) -> None:
        with self._app.app_context():
            due = time.monotonic() + COUNT_INTERVAL
            while self._next():
                if time.monotonic() >= due:
                    self._store_counts()
                    due = time.monotonic() + COUNT_INTERVAL
            self._store_counts()
        self._unanswered.forget()
        self._unanswered.close()

    def _next(self) -> bool:
        """Store what has arrived; return False at the end."""
        try:
            first = self._orders.get(timeout=COUNT_INTERVAL)
        except queue.Empty:
            self._unanswered.forget()
            return True
        orders: list[Order] = []
        while first is not None:
            orders.append(first)
            if len(orders) >= MAX_EMAILS or sum(len(one.handed.content) for one in orders) >= MAX_BYTES:
                break
            try:
                first = self._orders.get_nowait()
            except queue.Empty:
                break
        self._commit(orders)
        return first is not None

    def _commit(self, orders: Sequence[Order]) -> None:
        if not orders:
            return
        results: list[str | Refusal] = []
        self._unanswered.begin()
        try:
            with self._state.database.transaction() as session:
                results = self._submit(session, orders)
        except DATABASE_UNAVAILABLE as error:
            log.warning("emails not stored", number=len(orders), error=type(error).__name__)
            results = self._failed(orders)
        except Exception:
            log.exception("emails not stored", number=len(orders))
            results = self._failed(orders)
        if ids := [result for result in results if isinstance(result, str)]:
            log.info("emails accepted", ids=ids)
        for order, result in zip(orders, results, strict=True):
            if isinstance(result, Refusal):
                order.done.set_exception(result)
            else:
                order.done.set_result(result)

    def _failed(self, orders: Sequence[Order]) -> list[str | Refusal]:
        self._unanswered.failed()
        return [unavailable()] * len(orders)

    def _submit(self, session: Session, orders: Sequence[Order]) -> list[str | Refusal]:
        """Queue emails; those that are refused leave nothing behind in the transaction."""
        self._unanswered.look(session)
        results: list[str | Refusal | None] = [self._at_once(session, order) for order in orders]
        emails = [
            (session.get_one(Application, order.application_id), order.handed)
            for order, result in zip(orders, results, strict=True)
            if result is None
        ]
        stored = iter(map(_result, service.submit_all(session, self._state.sealer, emails)))
        complete = [next(stored) if result is None else result for result in results]
        self._unanswered.note(
            {result: order.digest for order, result in zip(orders, complete, strict=True) if isinstance(result, str)}
        )
        return complete

    def _at_once(self, session: Session, order: Order) -> str | Refusal | None:
        """Return the result of an email that needn't be stored."""
        application = session.get(Application, order.application_id)
        if application is None or application.disabled_at is not None:
            return refusals.disabled()
        return self._unanswered.find(order.digest)

    def _store_counts(self) -> None:
        with self._counting:
            amounts, self._refusals = self._refusals, Counter()
        if not amounts:
            return
        try:
            with self._state.database.transaction() as session:
                counts.add(session, clock.now(), amounts)
        except DATABASE_UNAVAILABLE:
            with self._counting:
                self._refusals.update(amounts)


def _result(result: Submission | MailroomError) -> str | Refusal:
    return refusals.of(result) if isinstance(result, MailroomError) else result.public_id
