"""How often one may try."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.accounts import throttles
from webapp.audit import events
from webapp.audit.models import AuditEntry
from webapp.core import clock, rate_limits
from webapp.core.database import Database
from webapp.core.errors import TooManyRequests
from webapp.core.rate_limits import RateLimit, Share

Ask = Callable[[Session, str], None]


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """A transaction in which the time stands still."""
    with time_machine.travel(clock.now(), tick=False), database.transaction() as session:
        yield session


def test_a_client_may_ask_for_thirty_reset_mails_in_ten_minutes(session: Session) -> None:
    for _ in range(30):
        throttles.forgot_password(session, "192.0.2.1")
    with pytest.raises(TooManyRequests) as refused:
        throttles.forgot_password(session, "192.0.2.1")
    assert timedelta(seconds=refused.value.retry_after) == timedelta(minutes=10) / 30


@pytest.mark.parametrize(
    ("ask", "share"),
    [
        (throttles.forgot_password, throttles.FORGOT),
        (throttles.code, throttles.CODES),
        (throttles.advice, throttles.ADVICE),
    ],
)
def test_many_clients_slow_each_other_down_and_refuse_nobody(session: Session, ask: Ask, share: Share) -> None:
    # As so many clients leave it who ask once each.
    used_up = (clock.now() + share.overall.period).timestamp()
    session.add(RateLimit(key=rate_limits._key(share.overall, "", ""), full_at=used_up))
    for _ in range(share.sparing.times):
        ask(session, "198.51.100.1")
    with pytest.raises(TooManyRequests):
        ask(session, "198.51.100.1")
    ask(session, "198.51.100.2")


def test_links_that_nobody_was_sent_are_limited_for_each_network(session: Session) -> None:
    for _ in range(60):
        throttles.unknown_link(session, "192.0.2.1")
    with pytest.raises(TooManyRequests):
        throttles.unknown_link(session, "192.0.2.1")
    throttles.unknown_link(session, "192.0.2.2")


def test_the_trail_tells_once_an_hour_that_a_network_asks_too_often(session: Session) -> None:
    for _ in range(3):
        throttles.note(session, "192.0.2.1", "accounts.login")
    throttles.note(session, "192.0.2.1", "accounts.forgot_password")
    assert throttles.is_noted(session, "192.0.2.1", "accounts.login")
    noted = select(AuditEntry).where(AuditEntry.event == events.REQUESTS_THROTTLED.key).order_by(AuditEntry.id)
    assert [entry.facts["page"] for entry in session.scalars(noted)] == ["accounts.login", "accounts.forgot_password"]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:1:2:3:4:5", "2001:db8:0:1::/64"),
        ("::1", "::/64"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_one_customer_is_one_client(address: str, network: str) -> None:
    assert rate_limits.network(address) == network
