"""A year of sending with a grant whose provider rotates refresh tokens and takes reuse for theft."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import update

from tests.conftest import Enqueue, GetMessage
from tests.support.certificates import Authority
from tests.support.grants import GrantOwner
from tests.support.token_inbox import running_token_inbox
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.mail import jobs, servers
from webapp.mail.grants import renewal, token_source
from webapp.mail.grants.token_source import GrantTokens
from webapp.mail.models import Grant, GrantStatus
from webapp.mail.oauth.errors import OAuthError
from webapp.outbox import delivery
from webapp.outbox.models import MessageState

NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)
DAYS = 365
SENDS = 10_000
# Mails that leave over one connection, and so with one token.
OVER_A_LINE = 5
# Days in which nobody sends anything: longer than an unused refresh token lives.
QUIET = range(150, 250)


class Fleet:
    """Two workers on one database, each with connections of its own; they are restarted now and then."""

    def __init__(self, owner: GrantOwner) -> None:
        self.owner = owner
        # Connections that each worker opens in a day.
        self.lines = SENDS // (DAYS - len(QUIET)) // 2 // OVER_A_LINE + 1
        self.random = random.Random(7)
        self.expired = self.sent = 0
        self.faults: list[OAuthError] = []
        self.workers = [self._started() for _ in range(2)]

    def day(self, number: int, pool: ThreadPoolExecutor) -> None:
        """Sends of both workers at once, unless it is a quiet day; upkeep in any case."""
        if self.random.random() < 0.1:
            self._restart()
        if self.random.random() < 0.05:
            self._one_dies_with_the_lease()
        if self.random.random() < 0.1:
            self.owner.provider.misbehave(self.random.choice(["500", "drop", "html"]))
        if number not in QUIET:
            list(pool.map(self._sends, self.workers))
        jobs.refresh_grants(self.workers[number % 2], clock.now())

    def _sends(self, parts: AppState) -> None:
        source = self._source(parts)
        for _ in range(self.lines):
            try:
                token = source.get().value
            except OAuthError as fault:
                # The message would wait, and be sent later; the grant stays.
                self.faults.append(fault)
                return
            self.sent += OVER_A_LINE
            self.expired += self.owner.provider.knows(token) is None

    def _source(self, parts: AppState) -> GrantTokens:
        with parts.database.read() as session:
            server = servers.primary(session)
        assert server is not None
        return token_source.for_server(server, parts)

    def _started(self) -> AppState:
        return replace(self.owner.parts, database=Database(self.owner.parts.config.database_url))

    def _restart(self) -> None:
        place = self.random.randrange(2)
        self.workers[place].database.engine.dispose()
        self.workers[place] = self._started()

    def _one_dies_with_the_lease(self) -> None:
        with self.workers[0].database.transaction() as session:
            session.execute(update(Grant).values(lease_id="of the dead", lease_expires_at=1))

    def close(self) -> None:
        """End them."""
        for parts in self.workers:
            parts.database.engine.dispose()


@contextmanager
def running(owner: GrantOwner) -> Iterator[Fleet]:
    fleet = Fleet(owner)
    try:
        yield fleet
    finally:
        fleet.close()


def test_a_year_loses_no_grant_spends_no_token_twice_and_sends_with_none_that_expired(
    owner: GrantOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each day one worker waits for the other one.
    monkeypatch.setattr(renewal, "POLL_INTERVAL", 0.005)
    owner.save()
    with ExitStack() as stack:
        year = stack.enter_context(time_machine.travel(NEW_YEAR, tick=False))
        owner.sign_in()
        fleet = stack.enter_context(running(owner))
        pool = stack.enter_context(ThreadPoolExecutor(2))
        for number in range(DAYS):
            year.shift(timedelta(hours=24, minutes=fleet.random.randrange(60)))
            fleet.day(number, pool)
        assert owner.grant.status == GrantStatus.GENERATED
        assert owner.provider.knows(owner.tokens.get().value)
    assert (fleet.expired, owner.provider.reuses) == (0, 0)
    assert fleet.sent > SENDS * 0.9
    assert [fault for fault in fleet.faults if fault.permanent] == []
    # Each day brings one renewal, but for those on which the provider had trouble.
    assert owner.provider.asked.count("refresh_token") > DAYS * 0.8


def test_mail_flows_through_the_year(
    owner: GrantOwner, app: Flask, authority: Authority, enqueue: Enqueue, get_message: GetMessage
) -> None:
    with ExitStack() as stack:
        inbox = stack.enter_context(running_token_inbox(authority, owner.provider, "none"))
        owner.save(host=inbox.host, port=inbox.port, security="none")
        year = stack.enter_context(time_machine.travel(NEW_YEAR, tick=False))
        owner.sign_in()
        pool = stack.enter_context(ThreadPoolExecutor(2))
        messages = []
        for _month in range(12):
            year.shift(timedelta(days=30))
            messages += [enqueue() for _ in range(8)]
            list(pool.map(delivery.deliver_due, [app, app]))
        assert [get_message(one).state for one in messages] == [MessageState.SENT] * len(messages)
    assert (len(inbox.messages), inbox.refused, owner.provider.reuses) == (96, 0, 0)
