"""A mail server that fails while another one sends, as administrators see it in a real browser."""

from collections.abc import Iterator
from typing import NamedTuple
from uuid import uuid4

import pytest

from tests.browser.serving import Site
from tests.browser.walker import Walker
from tests.support.certificates import Authority
from tests.support.inbox import PASSWORD as MAIL_PASSWORD
from tests.support.inbox import Inbox, running_inbox
from tests.support.running import until
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.outbox import circuit_breaker, service
from webapp.outbox.server_states import ServerStates, server_states

PASSWORD = "the first long sentence 7"


class Servers(NamedTuple):
    """The mail server, and its fallback."""

    main: Inbox
    spare: Inbox


@pytest.fixture
def servers(authority: Authority, site: Site, inside: AppState) -> Iterator[Servers]:
    """The mail servers of the installation, Main and Spare."""
    with running_inbox(authority) as main, running_inbox(authority) as spare:
        rows = [main.row(inside), spare.row(inside)]
        rows[0].name, rows[1].name, rows[1].position = "Main", "Spare", 1
        with inside.database.transaction() as session:
            session.add_all(rows)
        yield Servers(main, spare)


@pytest.fixture
def visitor(walker: Walker, site: Site, servers: Servers) -> Walker:
    """An administrator on Home."""
    walker.open(site.setup_url)
    email = f"ada.{uuid4().hex[:8]}@mailroom.example"
    walker.fill(email=email, name="Ada Lovelace", password=PASSWORD, password_confirm=PASSWORD, public_url=site.url)
    walker.press("Create and sign in")
    return walker


def test_email_goes_by_the_fallback_until_the_first_server_is_back(
    visitor: Walker, site: Site, inside: AppState, servers: Servers
) -> None:
    main, spare = servers
    main.password = "changed since"
    _send(inside, "eve@people.example")
    until(lambda: len(spare.messages) == 1)
    _try_now(inside)
    until(lambda: bool(_states(inside).troubles))
    visitor.open(site.url)
    assert visitor.sees("Its email goes through Spare.")
    assert visitor.sees("Main has been failing since")
    visitor.open(f"{site.url}/outbox")
    visitor.follow("eve@people.example")
    shown = visitor.page.locator("#attempts ~ table .host-column").all_inner_texts()
    assert [name for text in shown for name in ("Main", "Spare") if name in text] == ["Spare", "Main"]
    main.password = MAIL_PASSWORD
    _try_now(inside)
    until(lambda: _states(inside).servers[0].failure is None)
    visitor.open(site.url)
    assert not visitor.sees("Its email goes through Spare.")
    _send(inside, "max@people.example")
    until(lambda: "max@people.example" in [str(one["To"]) for one in main.messages])
    assert visitor.complaints == []


def _send(state: AppState, recipient: str) -> None:
    with state.database.transaction() as session:
        service.enqueue(session, "activated", recipient)


def _try_now(state: AppState) -> None:
    """Have the worker try servers in trouble, as if their pauses were over."""
    with state.database.transaction() as session:
        circuit_breaker.try_now(session, clock.now())


def _states(state: AppState) -> ServerStates:
    with state.database.read() as session:
        return server_states(session)
