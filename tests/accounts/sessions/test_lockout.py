"""Logins are locked where wrong passwords were entered, not for the user."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from unittest import mock

import pytest
import time_machine
from sqlalchemy import select

from tests.accounts.conftest import Deliver, NewLink, Queued, run_at_once
from tests.support.browser import PASSWORD
from tests.support.inbox import Inbox
from tests.support.users import add_user
from webapp.accounts import audit_events
from webapp.accounts.models import LinkPurpose, User, UserState
from webapp.accounts.password_links import service as password_links
from webapp.accounts.passwords import hashing
from webapp.accounts.sessions import known_devices, login
from webapp.accounts.sessions.login import LoginRefused
from webapp.audit.models import AuditEntry
from webapp.audit.registry import EventType
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.errors import TooManyRequests
from webapp.outbox.models import Message, MessageState
from webapp.settings import service as settings
from webapp.settings.service import SecurityPolicy
from webapp.web.client import Client

HERE, ELSEWHERE = "192.0.2.1", "198.51.100.7"
NOBODY = "nobody@example.com"
SignIn = Callable[..., str]


@pytest.fixture
def now() -> Iterator[time_machine.Traveller]:
    """A clock that stands still until it is moved."""
    with time_machine.travel(clock.now(), tick=False) as traveller:
        yield traveller


@pytest.fixture
def sign_in(state: AppState) -> SignIn:
    """SignIn to sign in; return `in`, or the name of the refusal."""

    def sign_in(email: str, password: str = PASSWORD, address: str = HERE, known: str = "") -> str:
        client = Client(address, "Firefox", known)
        try:
            login.sign_in(state.database, email, password, client)
        except (LoginRefused, TooManyRequests) as refused:
            return type(refused).__name__
        return "in"

    return sign_in


@pytest.fixture
def fail(sign_in: SignIn) -> Callable[..., list[str]]:
    """Enter wrong passwords, by default as many as start a lockout."""

    def fail(email: str, times: int = 10, address: str = HERE, known: str = "") -> list[str]:
        return [sign_in(email, "wrong", address, known) for _ in range(times)]

    return fail


Fail = Callable[..., list[str]]


def fail_from_everywhere(fail: Fail, email: str) -> None:
    """Enter as many wrong passwords as lock out all unknown browsers."""
    for number in range(11):
        fail(email, 9 if number else 10, f"203.0.113.{number}")
    fail(email, 1, "203.0.113.99")


def add_known_browser(state: AppState, user: User) -> str:
    """Make a browser a known one of the user's; return its cookie."""
    with state.database.transaction() as session:
        return known_devices.remember(session, user.id, "")


def entries(state: AppState, event: EventType) -> list[AuditEntry]:
    with state.database.read() as session:
        return list(session.scalars(select(AuditEntry).where(AuditEntry.event == event.key)))


@pytest.mark.usefixtures("now")
class TestScope:
    """Whom a lockout keeps out."""

    @pytest.mark.one_database
    @pytest.mark.parametrize("email", ["ada@example.com", NOBODY])
    def test_it_is_the_same_for_every_address(self, ada: User, sign_in: SignIn, fail: Fail, email: str) -> None:
        assert fail(email, 12) == ["LoginRefused"] * 10 + ["LockedOut"] * 2
        assert sign_in(email.upper()) == "LockedOut"

    def test_the_user_can_sign_in_from_another_network(self, ada: User, sign_in: SignIn, fail: Fail) -> None:
        fail(ada.email)
        assert (sign_in(ada.email), sign_in(ada.email, address=ELSEWHERE)) == ("LockedOut", "in")

    def test_after_guesses_from_many_networks_only_known_browsers_get_in(
        self, state: AppState, ada: User, sign_in: SignIn, fail: Fail
    ) -> None:
        known = add_known_browser(state, ada) + "." + "another" * 6 + "x"
        fail_from_everywhere(fail, ada.email)
        assert sign_in(ada.email, address=ELSEWHERE) == "LockedOut"
        assert sign_in(ada.email, address=ELSEWHERE, known=known) == "in"

    @pytest.mark.one_database
    def test_a_known_browser_is_locked_out_separately(
        self, state: AppState, ada: User, sign_in: SignIn, fail: Fail
    ) -> None:
        stolen, other = add_known_browser(state, ada), add_known_browser(state, ada)
        assert fail(ada.email, 11, known=stolen)[-1] == "LockedOut"
        assert [sign_in(ada.email, known=token) for token in (stolen, other, "")] == ["LockedOut", "in", "in"]

    @pytest.mark.one_database
    def test_a_browser_known_to_one_user_is_unknown_to_others(
        self, state: AppState, ada: User, sign_in: SignIn, fail: Fail
    ) -> None:
        add_user(state.database, "eve@example.com")
        known = add_known_browser(state, ada)
        fail("eve@example.com", known=known)
        assert sign_in("eve@example.com", known=known) == sign_in("eve@example.com") == "LockedOut"

    @pytest.mark.one_database
    def test_a_right_password_resets_the_failures(self, ada: User, sign_in: SignIn, fail: Fail) -> None:
        for _ in range(3):
            fail(ada.email, 9)
            assert sign_in(ada.email) == "in"

    @pytest.mark.one_database
    def test_a_network_may_fail_a_hundred_times_whatever_the_addresses(
        self, ada: User, sign_in: SignIn, fail: Fail
    ) -> None:
        for number in range(50):
            fail(f"p{number}@example.com", 2)
            sign_in(ada.email)
        assert fail(NOBODY, 1) + fail(NOBODY, 1, ELSEWHERE) == ["TooManyRequests", "LoginRefused"]


class TestDuration:
    """When a lockout starts and ends."""

    @pytest.mark.one_database
    def test_it_ends_after_its_time_and_allows_as_many_attempts_again(
        self, ada: User, now: time_machine.Traveller, fail: Fail
    ) -> None:
        fail(ada.email)
        now.shift(timedelta(minutes=15) - timedelta(seconds=1))
        assert fail(ada.email, 1) == ["LockedOut"]
        now.shift(timedelta(seconds=1))
        assert fail(ada.email, 11) == ["LoginRefused"] * 10 + ["LockedOut"]

    @pytest.mark.one_database
    def test_slow_guesses_start_it_too(self, now: time_machine.Traveller, fail: Fail) -> None:
        for _ in range(10):
            assert fail(NOBODY, 1) == ["LoginRefused"]
            now.shift(timedelta(minutes=10))
        assert fail(NOBODY, 1) == ["LockedOut"]

    @pytest.mark.one_database
    def test_the_security_settings_define_threshold_and_duration(
        self, state: AppState, now: time_machine.Traveller, fail: Fail
    ) -> None:
        with state.database.transaction() as session:
            settings.save_security(session, SecurityPolicy(lockout_threshold=3, lockout_minutes=60))
        assert fail(NOBODY, 4)[2:] == ["LoginRefused", "LockedOut"]
        now.shift(timedelta(minutes=59))
        assert fail(NOBODY, 1) == ["LockedOut"]

    @pytest.mark.usefixtures("now")
    def test_a_reset_ends_it_everywhere(
        self, state: AppState, ada: User, sign_in: SignIn, fail: Fail, new_link: NewLink
    ) -> None:
        fail_from_everywhere(fail, ada.email)
        fail(ada.email, 10, ELSEWHERE)
        secret = new_link(ada, LinkPurpose.RESET)
        with state.database.transaction() as session:
            password_links.complete_reset(session, secret, hashing.hash_password("a new one 9"))
        assert [sign_in(ada.email, "a new one 9", place) for place in (HERE, ELSEWHERE, "203.0.113.0")] == ["in"] * 3
        assert [entry.subject_id for entry in entries(state, audit_events.LOCKOUT_CLEARED)] == [ada.id]


def test_of_fifty_simultaneous_attempts_only_the_allowed_ones_are_verified(
    state: AppState, ada: User, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = mock.Mock(wraps=hashing.verify)
    monkeypatch.setattr(hashing, "verify", counted)
    ends = run_at_once([lambda: sign_in(ada.email, "wrong")] * 50)
    assert counted.call_count == 10
    assert {end for end in ends if end != "LoginRefused"} == {"LockedOut"}
    assert len(entries(state, audit_events.LOCKOUT_STARTED)) == 1


class TestNotification:
    """The audit log and the email."""

    @pytest.mark.parametrize("email", ["ada@example.com", NOBODY])
    def test_a_lockout_is_announced_once_for_every_address(
        self, state: AppState, ada: User, now: time_machine.Traveller, fail: Fail, queued: Queued, email: str
    ) -> None:
        fail(email, 30)
        assert queued() == [("lockout", email)]
        told = [
            (e.subject_id, e.subject_email, e.data["minutes"]) for e in entries(state, audit_events.LOCKOUT_STARTED)
        ]
        assert told == [(None, email, 15)]

    @pytest.mark.one_database
    def test_repeated_lockouts_send_one_email_in_five_minutes_and_three_a_day(
        self, ada: User, now: time_machine.Traveller, fail: Fail, queued: Queued
    ) -> None:
        for number in range(5):
            fail(ada.email, 10, f"203.0.113.{number}")
        assert len(queued()) == 1
        for number in range(20):
            now.shift(timedelta(minutes=16))
            fail(ada.email, 10, f"203.0.113.{number}")
        assert len(queued()) == 3

    @pytest.mark.one_database
    def test_an_invalid_address_is_locked_out_without_an_email(
        self, now: time_machine.Traveller, fail: Fail, queued: Queued
    ) -> None:
        assert fail("root", 11)[-1] == "LockedOut"
        assert queued() == []

    @pytest.mark.one_database
    def test_the_email_says_where_from_until_when_and_what_helps(
        self, ada: User, fail: Fail, deliver: Deliver, inbox: Inbox
    ) -> None:
        fail("ADA@example.com")
        deliver()
        assert inbox.last.rcpt_to == [ada.email]
        text = inbox.last.text.replace("\n", " ")
        assert all(
            words in text for words in (HERE, "ends automatically on", "https://mailroom.example/forgot-password")
        )

    @pytest.mark.one_database
    @pytest.mark.parametrize("user_state", [None, UserState.PENDING, UserState.DISABLED])
    def test_only_active_users_get_the_email(
        self, state: AppState, fail: Fail, deliver: Deliver, inbox: Inbox, user_state: UserState | None
    ) -> None:
        if user_state:
            add_user(state.database, NOBODY, state=user_state)
        fail(NOBODY)
        deliver()
        with state.database.read() as session:
            assert session.scalars(select(Message.state)).all() == [MessageState.CANCELLED]
        assert inbox.messages == []
