"""Two hundred days with a grant whose provider rotates refresh tokens and treats their reuse as theft."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import update

from tests.support.grants import GrantOwner
from webapp.core import clock
from webapp.mail import jobs
from webapp.mail.grants import renewal
from webapp.mail.models import Grant, GrantStatus
from webapp.mail.oauth.errors import OAuthError

START = datetime(2027, 1, 1, tzinfo=UTC)
DAYS = 200
# Days without any email: more than an unused refresh token lives.
QUIET_DAYS = range(60, 160)


class Workers:
    """Two workers that use a grant at the same time, with a provider that fails now and then."""

    def __init__(self, owner: GrantOwner) -> None:
        self.owner, self.tokens = owner, owner.tokens
        self.random = random.Random(7)
        self.accounts: list[str | None] = []
        self.errors: list[OAuthError] = []

    def live_a_day(self, day: int, pool: ThreadPoolExecutor) -> None:
        """Send from both workers, unless it is a quiet day, and run the job."""
        if self.random.random() < 0.05:
            self._lose_a_lease()
        if self.random.random() < 0.1:
            self.owner.provider.misbehave(self.random.choice(["500", "drop", "html"]))
        if day not in QUIET_DAYS:
            list(pool.map(self._get_token, range(2)))
        jobs.refresh_grants(clock.now())

    def _get_token(self, _worker: int) -> None:
        try:
            self.accounts.append(self.owner.provider.knows(self.tokens.get().value))
        except OAuthError as error:
            self.errors.append(error)

    def _lose_a_lease(self) -> None:
        with self.owner.parts.database.transaction() as session:
            session.execute(update(Grant).values(lease_id="of a dead process", lease_expires_at=1))


@pytest.mark.one_database
def test_two_workers_lose_no_grant_and_use_no_token_twice(owner: GrantOwner, monkeypatch: pytest.MonkeyPatch) -> None:
    # One worker waits for the other every day.
    monkeypatch.setattr(renewal, "POLL_INTERVAL", 0.005)
    owner.save()
    with time_machine.travel(START, tick=False) as days, ThreadPoolExecutor(2) as pool:
        owner.authorize()
        workers = Workers(owner)
        for day in range(DAYS):
            days.shift(timedelta(hours=24, minutes=workers.random.randrange(60)))
            workers.live_a_day(day, pool)
        assert owner.grant.status == GrantStatus.GENERATED
        assert owner.provider.knows(owner.tokens.get().value)
    assert owner.provider.reuses == 0
    assert set(workers.accounts) == {owner.provider.account}
    assert not [error for error in workers.errors if error.permanent]
    # A refresh each day, except for those on which the provider failed.
    assert owner.provider.asked.count("refresh_token") > DAYS * 0.8
