"""Limits on what one network, user or address may request."""

from collections.abc import Callable, Iterator
from math import ceil

import pytest
import time_machine
from sqlalchemy.orm import Session

from webapp.accounts import throttles
from webapp.core import clock, rate_limits
from webapp.core.database import Database
from webapp.core.errors import TooManyRequests
from webapp.core.rate_limits import Limit


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """A transaction during which the clock stands still."""
    with time_machine.travel(clock.now(), tick=False), database.transaction() as session:
        yield session


@pytest.mark.parametrize(
    ("count", "limit"),
    [
        (throttles.count_reset_request, throttles.RESET_REQUESTS_BY_NETWORK),
        (throttles.count_code, throttles.CODES_BY_NETWORK),
        (throttles.count_unknown_link, throttles.UNKNOWN_LINKS_BY_NETWORK),
        (throttles.count_password_advice, throttles.PASSWORD_ADVICE_BY_NETWORK),
    ],
)
def test_one_network_is_refused_at_its_limit_and_others_are_not(
    session: Session, count: Callable[[Session, str], None], limit: Limit
) -> None:
    for _ in range(limit.times):
        count(session, "192.0.2.1")
    with pytest.raises(TooManyRequests) as refused:
        count(session, "192.0.2.1")
    assert refused.value.retry_after == ceil(limit.interval)
    count(session, "192.0.2.2")


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
