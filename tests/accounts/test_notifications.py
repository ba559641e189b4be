"""The emails that tell users what happened to their account."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import select, update

from tests.accounts.conftest import CLIENT, NewLink
from tests.support.browser import PASSWORD
from webapp.accounts import notifications
from webapp.accounts.models import LinkPurpose, User
from webapp.accounts.password_links import service as password_links
from webapp.accounts.passwords import hashing
from webapp.accounts.profile import service as profile
from webapp.accounts.sessions import login
from webapp.accounts.sessions import service as sessions
from webapp.core import clock
from webapp.core.actor import SYSTEM, Actor, set_actor
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.outbox.models import Message, MessageState
from webapp.web.client import Client

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
ORIGIN = {"ip_address": "192.0.2.7", "user_agent": FIREFOX}
SignIn = Callable[[], None]


@pytest.fixture(autouse=True)
def _request() -> Iterator[None]:
    set_actor(Actor(ip_address=ORIGIN["ip_address"], user_agent=ORIGIN["user_agent"]))
    yield
    set_actor(SYSTEM)


@pytest.fixture
def sign_in(state: AppState, ada: User) -> SignIn:
    """Sign Ada in with an unknown browser."""

    def sign_in() -> None:
        login.sign_in(state.database, ada.email, PASSWORD, Client("", ""))

    return sign_in


@pytest.fixture
def data(database: Database) -> Callable[[], list[dict[str, Any]]]:
    """Read the data of all messages, oldest first."""

    def read() -> list[dict[str, Any]]:
        with database.read() as session:
            return list(session.scalars(select(Message.data).order_by(Message.id)))

    return read


MessageData = Callable[[], list[dict[str, Any]]]


def test_the_email_says_whether_a_link_changed_the_password(
    state: AppState, ada: User, new_link: NewLink, data: MessageData
) -> None:
    secret = new_link(ada, LinkPurpose.RESET)
    with state.database.transaction() as session:
        user = password_links.complete_reset(session, secret, hashing.hash_password("one more sentence 9"))
        user_session, _token = sessions.start(session, user, CLIENT)
    profile.change_password(state.database, user, "one more sentence 9", PASSWORD, user_session, CLIENT)
    assert data() == [{"by_link": True, **ORIGIN}, {"by_link": False, **ORIGIN}]


def test_sessions_that_start_before_the_email_is_sent_share_it(sign_in: SignIn, data: MessageData) -> None:
    for _ in range(notifications.MAX_LISTED_SESSIONS + 2):
        sign_in()
    (only,) = data()
    assert (len(only["sessions"]), only["more"]) == (notifications.MAX_LISTED_SESSIONS, 2)
    assert ORIGIN.items() <= only["sessions"][0].items()


def test_the_next_email_waits_and_lists_all_sessions_since(
    database: Database, sign_in: SignIn, data: MessageData
) -> None:
    with time_machine.travel(clock.now(), tick=False) as traveller:
        sign_in()
        mark_sent(database)
        traveller.shift(timedelta(minutes=1))
        sign_in()
        sign_in()
        with database.read() as session:
            message = session.scalars(select(Message).order_by(Message.id.desc())).first()
    assert [len(one["sessions"]) for one in data()] == [1, 2]
    assert message is not None
    assert message.next_attempt_at - message.created_at == timedelta(minutes=4)


def test_a_later_email_is_sent_immediately(database: Database, sign_in: SignIn) -> None:
    sign_in()
    mark_sent(database)
    with time_machine.travel(clock.now() + timedelta(minutes=6)):
        sign_in()
    with database.read() as session:
        message = session.scalars(select(Message).order_by(Message.id.desc())).first()
    assert message is not None
    assert message.next_attempt_at == message.created_at


def test_nothing_is_added_to_an_email_that_may_expire_soon(sign_in: SignIn, data: MessageData) -> None:
    sign_in()
    with time_machine.travel(clock.now() + timedelta(hours=25)):
        sign_in()
    assert len(data()) == 2


def mark_sent(database: Database) -> None:
    """Do what the worker does after sending."""
    with database.transaction() as session:
        session.execute(update(Message).values(state=MessageState.SENT))
