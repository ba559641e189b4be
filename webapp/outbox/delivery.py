"""Deliver what is due, batch after batch: claim, connect, prepare; then compose, send and mark one after the other.

After a crash between any two of these, a message is still queued: its claim is freed, and another worker sends it.
Only a crash in the moment between the server's reply and the mark sends it twice; so may the server by breaking the
connection instead of replying to the message. Both copies have the same link and Message-ID.

Where a failure is one that another server may not have, the message goes through the next server of its
route at once.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from itertools import count

import structlog
from flask import Flask
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.core.app_state import AppState, app_state_of
from webapp.core.database import Unreadable
from webapp.mail.mime import WireEmail
from webapp.mail.redaction import Redactor
from webapp.mail.transcript import MAX_ERROR_LENGTH
from webapp.mail.transport.errors import DeliveryError
from webapp.outbox import claims, failures, fallback, limits, recipients, suspension
from webapp.outbox.attempts import Started
from webapp.outbox.claims import Claimed, LocalStage
from webapp.outbox.connection import (
    Connections,
    NotReady,
    ReusableConnection,
    SavedSettings,
    ServerSettings,
    saved_settings,
)
from webapp.outbox.failures import Failed
from webapp.outbox.fallback import Offer
from webapp.outbox.kinds import PreparedMessage, Unwanted, find_kind
from webapp.outbox.models import MessageState
from webapp.outbox.preparation import Outcome, prepare
from webapp.outbox.queue import wake_after_commit
from webapp.outbox.records import Records
from webapp.outbox.routing import Route
from webapp.outbox.submissions.contents import StoredEmails
from webapp.providers import Failure, Limits

# Sending isn't begun when less than this is left: the server may take a moment to accept a message.
MIN_TIME_LEFT = timedelta(seconds=15)
# A batch has as many messages as went out in this many seconds before, and is given up after some more.
BATCH_SECONDS = 0.5
MAX_BATCH_SECONDS = 2.0
MAX_BATCH = 1000
# If a message takes longer than this, other threads had better help.
SLOW_SECONDS = 0.05

# Whom an installation may send to is decided here, whatever queued the message and when.
_NOT_ALLOWED = Failure(LocalStage.PREPARING, "recipient_not_allowed")
_serials = count(1)
log = structlog.get_logger(__name__)


def deliver_due(
    app: Flask,
    worker: str = "",
    stopping: Callable[[], bool] = lambda: False,
    connections: Connections | None = None,
) -> None:
    """Deliver everything that is due, or until `stopping()` is true between two messages.

    `worker` names the process in the claims of the run; `connections` are those that it keeps.
    """
    state = app_state_of(app)
    name = f"{worker or secrets.token_hex(8)}/{next(_serials)}"
    with app.app_context(), ExitStack() as stack:
        kept = connections or stack.enter_context(Connections(state))
        DeliveryRun(state, name, kept, stopping).run()


class DeliveryRun:
    """Delivers everything that is due, a batch of one route after the other, over one connection at a time."""

    def __init__(self, state: AppState, name: str, connections: Connections, stopping: Callable[[], bool]) -> None:
        self._state = state
        self._stopping = stopping
        self._name = name
        self._records = Records(state.database, name)
        self._connection = ReusableConnection(connections)
        self._stored = StoredEmails(state)
        self._saved: SavedSettings
        # The server in use, and those of the route that are tried after it.
        self._servers: Sequence[ServerSettings]
        # When each route had its last turn.
        self._turns: dict[Route, float] = {}
        self._leased_until: datetime
        self._size = 1
        self._is_slow = False
        # What followed from the last failure: whether other messages go on, and whether another server may send them.
        self._others_go_on = True
        self._has_moved = False

    def run(self) -> None:
        """Deliver until nothing is due, as everything was sent or waits, or until the worker is asked to stop."""
        with self._connection, self._records:
            while batch := self._claim():
                self._deliver(batch)

    def _claim(self) -> list[Claimed]:
        """Record the batch before, and claim another in the same transaction."""
        if self._stopping():
            return []
        self._records.is_open = True
        with self._state.database.transaction() as session:
            self._saved = saved_settings(session, self._state)
            # Before any messages are locked: saving a mail server locks that first, too.
            offered = self._offers(session, clock.now())
            self._records.settle(session)
            # What waited until something was sent is due by now.
            now = clock.now()
            recipients.find_recipients(session, now)
            claimed = self._claim_first(session, offered, now)
            self._leased_until = now + claims.LEASE
            if self._is_slow and len(claimed) == self._size:
                wake_after_commit(session)
        self._records.is_open = bool(claimed)
        return claimed

    def _offers(self, session: Session, now: datetime) -> list[tuple[Route, list[Offer]]]:
        """Return the routes of which something may be sent, the one whose last turn is longest ago first."""
        servers = [one.server for one in self._saved.servers.values() if one.server is not None]
        if limited := [one.id for one in servers if limits.limits_of(one) != Limits()]:
            limits.lock(session, limited)
        found = [
            (route, fallback.offers(session, self._saved, route, now, self._name, self._size))
            for route in self._saved.routes
        ]
        return sorted(found, key=lambda one: self._turns.get(one[0], 0.0))

    def _claim_first(self, session: Session, offered: list[tuple[Route, list[Offer]]], now: datetime) -> list[Claimed]:
        """Claim for the first route in which something is due that its servers may take."""
        for route, offers in offered:
            suspension.suspend_new(session, now, route)
            for offer in offers:
                server_id = offer.servers[0].server_id
                if claimed := claims.claim(session, now, offer.size, self._name, offer.bulk_size, route, server_id):
                    self._records.route, self._servers = route, offer.servers
                    self._turns[route] = time.monotonic()
                    return claimed
        return []

    def _deliver(self, batch: list[Claimed]) -> None:
        """Send a batch, or record why messages weren't sent."""
        begun = time.monotonic()
        sendable = [message for message in batch if self._is_sendable(message)]
        self._has_moved = False
        first = self._open(sendable[0]) if sendable else None
        if first is None:
            return
        # The others are claimed again: another server has limits of its own.
        sendable = [first] if self._has_moved else sendable
        outcomes = prepare(self._state.database, sendable)
        self._stored.load_small(sendable)
        for done, message in enumerate(sendable, 1):
            if self._has_time(message) and not self._deliver_one(message, outcomes[message.id]):
                return
            seconds = time.monotonic() - begun
            self._size = max(1, min(int(done * BATCH_SECONDS / seconds), MAX_BATCH))
            self._is_slow = seconds > done * SLOW_SECONDS
            if self._stopping() or self._has_moved or seconds > MAX_BATCH_SECONDS or not self._is_leased():
                return

    def _open(self, message: Claimed) -> Claimed | None:
        """Connect to the first server that lets us in; return the message on whose behalf, or None if none does."""
        current: Claimed | None = message
        while current is not None:
            started = self._start(current)
            try:
                self._connection.open(self._servers[0])
            except NotReady as error:
                current = self._fail(current, started, failures.not_ready(error))
            except DeliveryError as error:
                current = self._fail(current, started, failures.rejected(current, error))
            else:
                break
        return current

    def _is_leased(self) -> bool:
        """Return whether nobody else sends the rest: the machine was not suspended, nor its clock set."""
        return timedelta() <= self._leased_until - clock.now() <= claims.LEASE

    def _is_sendable(self, message: Claimed) -> bool:
        """Return whether a message can be sent with the settings that there are, else record why not."""
        if not self._saved.general.may_send_to(message.recipient):
            self._records.finished(message, MessageState.CANCELLED, _NOT_ALLOWED)
            return False
        failed = None
        kind = find_kind(message.kind)
        if isinstance(message.data, Unreadable):
            failed = Failed(Failure(LocalStage.PREPARING, "data_unreadable"), failures.fail)
        elif kind and kind.needs_link and not self._saved.general.public_url:
            # Links start with the public URL; it is never guessed from a request.
            failed = Failed(Failure(LocalStage.SETTINGS, "no_public_url"), failures.retry)
        if failed is None:
            return self._has_time(message)
        self._fail(message, self._start(message), failed)
        return False

    def _has_time(self, message: Claimed) -> bool:
        """Return whether there is time to send a message, else record that it has expired."""
        if clock.now() + MIN_TIME_LEFT < message.deadline:
            return True
        self._records.finished(message, MessageState.EXPIRED)
        return False

    def _start(self, message: Claimed) -> Started:
        server = self._servers[0].server
        provider, host = (server.provider, server.host) if server else ("", "")
        return Started(message.id, message.attempts, self._servers[0].server_id, provider, host, clock.now())

    def _deliver_one(self, message: Claimed, outcome: Outcome) -> bool:
        """Send one message, by further servers if need be, or record why not; return whether others can be sent."""
        current: Claimed | None = message
        while current is not None:
            started = self._start(current)
            try:
                reply, header_id = self._send(current, outcome)
            except Unwanted as error:
                self._records.finished(current, MessageState.CANCELLED, Failure(LocalStage.PREPARING, error.code))
                return True
            except DeliveryError as error:
                current = self._fail(current, started, failures.rejected(current, error))
                current = current and self._open(current)
            except Exception as error:
                # It concerns this message only; the others must not wait for it.
                log.exception("message failed", message=current.id, kind=current.kind)
                self._fail(current, started, failures.not_prepared(current, error))
                return True
            else:
                self._records.sent(current, started, reply, header_id)
                self._note_well()
                return True
        return self._others_go_on

    def _note_well(self) -> None:
        """Record that the server works, if it was in trouble."""
        server = self._servers[0].server
        if server is not None and self._saved.troubles.pop(server.id, None) is not None:
            self._records.well(server.id)

    def _send(self, message: Claimed, outcome: Outcome) -> tuple[str, str]:
        """Send one email, composed or as it was handed in; return the server's reply and the Message-ID."""
        if isinstance(outcome, Exception):
            raise outcome
        email = self._stored.email(message) if message.submission_id else self._compose(message, outcome)
        if not self._saved.general.may_send_to(email.recipient):
            # It was queued for an address that its user has changed since.
            raise Unwanted(_NOT_ALLOWED.code)
        # Servers quote links, such as those that they take for spam.
        try:
            reply = self._connection.send(email, message.deadline)
        except DeliveryError as error:
            error.redact(Redactor(outcome.secrets))
            raise
        return Redactor(outcome.secrets)(reply)[:MAX_ERROR_LENGTH], email.header_id

    def _compose(self, message: Claimed, prepared: PreparedMessage) -> WireEmail:
        return self._connection.composer.compose(
            prepared.template or message.kind,
            prepared.recipient,
            prepared.data,
            prepared.link_path,
            # The same for each attempt, so that mail programs recognize a second copy.
            message.identity,
            prepared.language,
        )

    def _fail(self, message: Claimed, started: Started, failed: Failed) -> Claimed | None:
        """Record that an attempt failed; return the message if the next server, now in use, is to send it."""
        followed = self._records.failed(message, started, failed, self._next_servers)
        self._others_go_on = followed.others_go_on
        self._has_moved |= bool(followed.servers) or followed.is_paused
        if not followed.servers:
            return None
        self._servers = followed.servers
        return message._replace(attempts=followed.number)

    def _next_servers(self, session: Session, message: Claimed, now: datetime) -> Sequence[ServerSettings]:
        """Return the servers by which a message may go next, if there is time for it."""
        if now + MIN_TIME_LEFT >= message.deadline:
            return ()
        # All of the route: a server that fails gets a row that refers to it.
        limits.lock(session, self._records.route.server_ids)
        return fallback.from_next(session, self._servers, now, self._name)
