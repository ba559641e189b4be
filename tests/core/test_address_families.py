"""IPv4 and IPv6 beside each other, with real sockets."""

import socket
import time
from collections.abc import Iterator

import pytest

from webapp.core.address_families import connect_each, resolve_family, take_first
from webapp.core.sockets import Addresses

FULL = 0


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A port of 127.0.0.1 that accepts."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


@pytest.fixture
def silent() -> Iterator[int]:
    """A port of ::1 that never answers: its queue is full."""
    with socket.create_server(("::1", 0), family=socket.AF_INET6, backlog=FULL) as sock:
        address = sock.getsockname()
        waiting = [socket.socket(socket.AF_INET6) for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        yield address[1]
        for one in waiting:
            one.close()


def of(family: int, host: str, port: int) -> Addresses:
    return [(family, socket.SOCK_STREAM, 6, "", (host, port))]


def test_a_silent_family_is_named_and_does_not_hold_up_the_other(
    listener: socket.socket, silent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.core.address_families.PATIENCE", 0.2)
    began, port = time.monotonic(), listener.getsockname()[1]
    routes = connect_each(of(socket.AF_INET6, "::1", silent) + of(socket.AF_INET, "127.0.0.1", port), 30)
    assert time.monotonic() - began < 15
    assert [(route.family, route.addresses, bool(route.sock)) for route in routes] == [
        ("IPv6", ["::1"], False), ("IPv4", ["127.0.0.1"], True),
    ]  # fmt: skip
    assert isinstance(routes[0].error, TimeoutError)
    with take_first(routes) as sock:
        assert sock.getpeername() == ("127.0.0.1", port)


def test_without_a_working_family_the_error_of_the_first_is_raised() -> None:
    routes = connect_each(of(socket.AF_INET, "127.0.0.1", 1) + of(socket.AF_INET6, "::1", 1), 5)
    with pytest.raises(ConnectionRefusedError):
        take_first(routes)


def test_only_a_family_that_this_machine_has_a_route_for_wastes_time() -> None:
    # Linux has no route to a multicast address for TCP; nothing listens on port 1.
    routes = connect_each(of(socket.AF_INET6, "ff0e::1", 1) + of(socket.AF_INET, "127.0.0.1", 1), 5)
    assert [route.wastes_time for route in routes] == [False, True]


def test_only_addresses_of_the_chosen_family_are_returned() -> None:
    for family, host in (("ipv4", "127.0.0.1"), ("ipv6", "::1")):
        assert [len(resolve_family(one, host, 25, 5)) for one in (family, "any")] == [1, 1]
    assert resolve_family("ipv6", "127.0.0.1", 25, 5) == []
