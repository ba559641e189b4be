"""Stores handed-in emails: those that arrive while a transaction is committed share the next one."""

import asyncio
import os
import queue
import signal
import threading
import time
from collections import Counter
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property

import structlog
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.applications.models import Application
from webapp.applications.usage import REFUSALS
from webapp.core import clock, counts
from webapp.core.app_state import app_state_of
from webapp.core.batches import commit_all
from webapp.core.counts import Counted
from webapp.core.database import DATABASE_UNAVAILABLE
from webapp.core.errors import MailroomError
from webapp.outbox.submissions import service
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
        try:
            self._work()
        except Exception:
            log.exception("committer failed; ending the process, which the supervisor starts again")
            os.kill(os.getpid(), signal.SIGKILL)

    def _work(self) -> None:
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
        if orders:
            self._commit(orders)
        return first is not None

    def _commit(self, orders: Sequence[Order]) -> None:
        for order, result in zip(orders, self._results(orders), strict=True):
            if isinstance(result, Exception):
                order.done.set_exception(_refusal(result))
            else:
                order.done.set_result(result)

    def _results(self, orders: Sequence[Order]) -> Sequence[str | Exception]:
        """Store emails, but for those that are recognized; return the id or the error of each."""
        try:
            self._unanswered.begin(self._state.database)
        except DATABASE_UNAVAILABLE as error:
            return [error] * len(orders)
        known = [self._unanswered.find(order.digest) for order in orders]
        new = [order for order, found in zip(orders, known, strict=True) if found is None]
        results = commit_all(self._state.database, self._submit, new) if new else []
        if any(isinstance(result, DATABASE_UNAVAILABLE) for result in results):
            self._unanswered.failed()
        if ids := [result for result in results if isinstance(result, str)]:
            log.info("emails accepted", ids=ids)
        rest = iter(results)
        return [found or next(rest) for found in known]

    def _submit(self, session: Session, orders: Sequence[Order]) -> list[str | Exception]:
        """Queue emails; those that are refused leave nothing behind in the transaction."""
        enabled = _enabled(session, {order.application_id for order in orders})
        applications = [enabled.get(order.application_id) for order in orders]
        emails = [(one, order) for one, order in zip(applications, orders, strict=True) if one is not None]
        stored = service.submit_all(session, self._state.sealer, [(one, order.handed) for one, order in emails])
        self._unanswered.note(
            {
                result: order.digest
                for (_application, order), result in zip(emails, stored, strict=True)
                if isinstance(result, str)
            }
        )
        rest = iter(stored)
        return [_result(next(rest)) if one is not None else refusals.disabled() for one in applications]

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


def _enabled(session: Session, ids: Collection[int]) -> dict[int, Application]:
    """Return those of these applications that are enabled. None is deleted before the commit, which would undo it."""
    wanted = select(Application).where(Application.id.in_(ids), Application.disabled_at.is_(None))
    locked = wanted.order_by(Application.id).with_for_update(read=True, key_share=True)
    return {one.id: one for one in session.scalars(locked)}


def _result(result: str | MailroomError) -> str | Refusal:
    return refusals.of(result) if isinstance(result, MailroomError) else result


def _refusal(error: Exception) -> Refusal:
    """Return the refusal for what kept an email from being stored."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, DATABASE_UNAVAILABLE):
        log.warning("email not stored", error=type(error).__name__)
    else:
        log.error("email not stored", exc_info=error)
    return unavailable()
