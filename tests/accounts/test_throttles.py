"""Limits on what one network, user or address may request."""

from collections.abc import Iterator
from math import ceil

import pytest
import time_machine
from sqlalchemy.orm import Session

from webapp.accounts import throttles
from webapp.core import clock, rate_limits
from webapp.core.database import Database
from webapp.core.errors import TooManyRequests


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """A transaction during which the clock stands still."""
    with time_machine.travel(clock.now(), tick=False), database.transaction() as session:
        yield session


def test_one_network_is_refused_at_its_limit_and_others_are_not(session: Session) -> None:
    limit = throttles.RESET_REQUESTS_BY_NETWORK
    for _ in range(limit.times):
        throttles.count_for_network(session, limit, "192.0.2.1")
    with pytest.raises(TooManyRequests) as refused:
        throttles.count_for_network(session, limit, "192.0.2.1")
    assert refused.value.retry_after == ceil(limit.interval)
    throttles.count_for_network(session, limit, "192.0.2.2")


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
def test_an_ipv6_address_counts_for_its_whole_network(address: str, network: str) -> None:
    assert rate_limits.network(address) == network
