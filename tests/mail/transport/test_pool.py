"""Connections that are kept for the next emails."""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask

from tests.mail.conftest import later, settings_for
from tests.support.running import until
from tests.support.scripted import ScriptedServer
from webapp.core import clock
from webapp.mail.mime import WireEmail
from webapp.mail.transport.errors import DeliveryError, Scope
from webapp.mail.transport.pool import MAX_EMAILS, ConnectionPool, KeptConnection
from webapp.mail.transport.settings import AccessToken

pytestmark = pytest.mark.one_database

Scripted = Callable[..., ScriptedServer]
EMAIL = WireEmail("mailroom@example.org", "eve@example.org", "<1@example.org>", False, b"Subject: Hi\r\n\r\nHi\r\n")


class Tokens:
    """Access tokens that are valid for an hour."""

    def get(self) -> AccessToken:
        return AccessToken("token", clock.now() + timedelta(hours=1))

    def discard(self, rejected: str) -> None:
        pass

    def check_claims(self, token: str) -> tuple[str, Mapping[str, str]]:
        return "", {}


@pytest.fixture
def pool(app: Flask) -> Iterator[ConnectionPool]:
    """A pool, closed in the end."""
    pool = ConnectionPool()
    with app.app_context():
        yield pool
    pool.close()


def send(pool: ConnectionPool, server: ScriptedServer, keep: bool = True) -> KeptConnection:
    """Send an email over a connection of the pool and give it back."""
    connection = pool.acquire(settings_for(server), 1)
    try:
        connection.deliver(EMAIL)
    finally:
        pool.release(connection, keep)
    return connection


def test_a_connection_serves_one_run_after_the_other(pool: ConnectionPool, scripted: Scripted) -> None:
    server = scripted()
    send(pool, server)
    send(pool, server)
    assert (server.connections, len(server.messages)) == (1, 2)


def test_other_settings_get_a_connection_of_their_own(pool: ConnectionPool, scripted: Scripted) -> None:
    server = scripted()
    send(pool, server)
    other = pool.acquire(replace(settings_for(server), helo="other.example.org"), 1)
    assert server.connections == 2
    # The one with the old settings is closed at once.
    assert server.commands.count("QUIT") == 1
    other.close()


def test_a_connection_that_nobody_asks_for_is_closed(app: Flask, scripted: Scripted) -> None:
    server = scripted()
    send(ConnectionPool(idle_seconds=0.05), server)
    until(lambda: "QUIT" in server.commands)


@pytest.mark.parametrize("keep", [True, False])
def test_only_what_is_to_be_kept_stays_open(keep: bool, pool: ConnectionPool, scripted: Scripted) -> None:
    server = scripted()
    send(pool, server, keep)
    assert ("QUIT" in server.commands) is not keep


def test_a_connection_sends_a_limited_number_of_emails(pool: ConnectionPool, scripted: Scripted) -> None:
    server = scripted()
    connection = pool.acquire(settings_for(server), 1)
    for _number in range(MAX_EMAILS + 1):
        connection.deliver(EMAIL)
    pool.release(connection)
    assert (server.connections, len(server.messages)) == (2, MAX_EMAILS + 1)


def test_a_connection_ends_with_its_access_token(pool: ConnectionPool, scripted: Scripted) -> None:
    server = scripted()
    settings = settings_for(server, tokens=Tokens())
    for hours in (0, 2):
        with later(hours=hours):
            connection = pool.acquire(settings, 1)
            connection.deliver(EMAIL)
            pool.release(connection)
    assert server.connections == 2


def test_a_connection_that_the_server_has_closed_harms_no_email(pool: ConnectionPool, scripted: Scripted) -> None:
    server = scripted()
    send(pool, server)
    server.hang_up()
    send(pool, server)
    assert (server.connections, len(server.messages)) == (2, 2)


def test_a_server_that_refuses_more_over_a_used_connection_harms_no_email(
    pool: ConnectionPool, scripted: Scripted
) -> None:
    server = scripted({"MAIL": ["250 Ok", "421 4.4.2 Timeout", "250 Ok"]})
    send(pool, server)
    send(pool, server)
    assert (server.connections, len(server.messages)) == (2, 2)


def test_a_server_that_refuses_on_a_new_connection_is_asked_once(pool: ConnectionPool, scripted: Scripted) -> None:
    server = scripted({"MAIL": "421 4.3.2 Closed"})
    with pytest.raises(DeliveryError, match=r"421 4\.3\.2"):
        send(pool, server)
    assert server.connections == 1


def test_an_email_that_may_have_arrived_is_not_sent_again(pool: ConnectionPool, scripted: Scripted) -> None:
    server = scripted({"END": ["250 Ok", b""]})
    connection = pool.acquire(replace(settings_for(server), timeout=1), 1)
    connection.deliver(EMAIL)
    with pytest.raises(DeliveryError) as caught:
        connection.deliver(EMAIL)
    assert caught.value.scope is Scope.UNCERTAIN
    assert (server.connections, len(server.messages)) == (1, 2)


def test_a_connection_belongs_to_one_thread_at_a_time(app: Flask, pool: ConnectionPool, scripted: Scripted) -> None:
    server = scripted()

    def run() -> None:
        with app.app_context():
            for _number in range(5):
                send(pool, server)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.messages) == 20
    assert server.connections <= 4


def test_a_closed_pool_keeps_nothing(pool: ConnectionPool, scripted: Scripted) -> None:
    server = scripted()
    send(pool, server)
    used = pool.acquire(settings_for(server), 2)
    used.deliver(EMAIL)
    pool.close()
    assert server.commands.count("QUIT") == 1
    pool.release(used)
    assert server.commands.count("QUIT") == 2


def test_a_connection_with_a_reply_too_many_is_replaced(pool: ConnectionPool, scripted: Scripted) -> None:
    server = scripted({"END": b"250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n"})
    send(pool, server)
    send(pool, server)
    assert (server.connections, len(server.messages)) == (2, 2)
