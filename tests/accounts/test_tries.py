"""How often one may try."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy.orm import Session

from webapp import clock
from webapp.accounts import tries
from webapp.database import Database
from webapp.errors import TooManyRequests


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """A transaction in which the time stands still."""
    with time_machine.travel(clock.now(), tick=False), database.writing() as session:
        yield session


def test_an_address_may_be_tried_ten_times_from_wherever(session: Session) -> None:
    for number in range(10):
        tries.sign_in(session, "Ada@Example.com" if number % 2 else "ada@example.com", f"192.0.2.{number}")
    with pytest.raises(TooManyRequests) as refused:
        tries.sign_in(session, "ada@example.com", "198.51.100.1")
    assert refused.value.retry_after == 90


def test_a_client_may_try_a_hundred_times_whatever_the_addresses(session: Session) -> None:
    for number in range(100):
        tries.sign_in(session, f"p{number}@example.com", "192.0.2.1")
    with pytest.raises(TooManyRequests):
        tries.sign_in(session, "ada@example.com", "192.0.2.1")
    tries.sign_in(session, "ada@example.com", "192.0.2.2")


def test_tries_that_succeed_do_not_count(session: Session) -> None:
    for _ in range(101):
        tries.sign_in(session, "ada@example.com", "192.0.2.1")
        tries.signed_in(session, "ada@example.com", "192.0.2.1")


def test_success_with_one_address_gives_others_no_further_tries(session: Session) -> None:
    for number in range(99):
        tries.sign_in(session, f"p{number}@example.com", "192.0.2.1")
    tries.sign_in(session, "ada@example.com", "192.0.2.1")
    tries.signed_in(session, "ada@example.com", "192.0.2.1")
    tries.sign_in(session, "eve@example.com", "192.0.2.1")
    with pytest.raises(TooManyRequests):
        tries.sign_in(session, "eve@example.com", "192.0.2.1")


def test_a_client_may_ask_for_thirty_reset_mails_in_ten_minutes(session: Session) -> None:
    for _ in range(30):
        tries.forgot_password(session, "192.0.2.1")
    with pytest.raises(TooManyRequests) as refused:
        tries.forgot_password(session, "192.0.2.1")
    assert timedelta(seconds=refused.value.retry_after) == timedelta(minutes=10) / 30


def test_many_clients_may_ask_for_a_thousand_reset_mails_in_ten_minutes(session: Session) -> None:
    for number in range(1000):
        tries.forgot_password(session, f"192.0.{number // 250}.{number % 250}")
    with pytest.raises(TooManyRequests):
        tries.forgot_password(session, "198.51.100.1")


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
    assert tries.network(address) == network
