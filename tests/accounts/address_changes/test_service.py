"""Requesting, confirming and undoing a new email address."""

from datetime import timedelta
from functools import partial

import pytest
import time_machine
from sqlalchemy import select, update

from tests.accounts.conftest import NEW_EMAIL, Deliver, NewLink, Queued, RequestChange, SignedIn, run_at_once
from tests.support.inbox import Inbox
from tests.support.users import add_user
from webapp.accounts import jobs, service
from webapp.accounts.address_changes import service as address
from webapp.accounts.links import service as links
from webapp.accounts.links.errors import AccountDisabled, LinkRevoked
from webapp.accounts.models import AddressChange, Link, LinkPurpose, User, UserState
from webapp.accounts.password_links import service as password_links
from webapp.accounts.service import AddressTaken
from webapp.accounts.sessions import service as sessions
from webapp.accounts.sessions.reauthentication import WrongPassword
from webapp.accounts.users import listing
from webapp.accounts.users.listing import UserFilter
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.core.errors import NotFound, TooManyRequests
from webapp.outbox.models import Message, MessageState


@pytest.fixture
def secret(request_change: RequestChange, ada: User, deliver: Deliver, inbox: Inbox) -> str:
    """The secret of the link in the email to the new address."""
    request_change(ada)
    deliver()
    return secret_of(inbox)


@pytest.fixture
def undo(secret: str, state: AppState, deliver: Deliver, inbox: Inbox) -> str:
    """The secret of the link in the email to the old address, after a change."""
    confirm(state, secret)
    deliver()
    return secret_of(inbox)


def secret_of(inbox: Inbox) -> str:
    return inbox.last.link.rpartition("/")[2]


def confirm(state: AppState, secret: str) -> User:
    with state.database.transaction() as session:
        return address.confirm(session, secret)


def restore(state: AppState, secret: str) -> str:
    """Undo the change, and return the secret of the reset link."""
    with state.database.transaction() as session:
        return address.restore(session, secret)[1]


def email_of(database: Database, user: User) -> str:
    with database.read() as session:
        return session.get_one(User, user.id).email


class TestRequesting:
    """Before anything is confirmed."""

    def test_the_address_stays_until_the_new_one_is_confirmed(
        self, state: AppState, ada: User, request_change: RequestChange, queued: Queued
    ) -> None:
        request_change(ada)
        with state.database.read() as session:
            waiting = address.find_pending(session, ada.id)
        assert (email_of(state.database, ada), waiting and waiting.email) == (ada.email, NEW_EMAIL)
        assert queued() == [("confirm_address", NEW_EMAIL)]

    def test_the_password_is_required(self, ada: User, request_change: RequestChange, queued: Queued) -> None:
        with pytest.raises(WrongPassword):
            request_change(ada, password="wrong")
        assert queued() == []

    def test_a_taken_address_makes_no_difference(
        self, database: Database, ada: User, request_change: RequestChange, queued: Queued
    ) -> None:
        add_user(database, "taken@example.com")
        request_change(ada, "taken@example.com")
        request_change(ada, "free@example.com")
        assert queued() == [("confirm_address", "taken@example.com"), ("confirm_address", "free@example.com")]

    def test_a_user_can_email_an_address_once_in_five_minutes(
        self, ada: User, request_change: RequestChange, queued: Queued
    ) -> None:
        with time_machine.travel(clock.now(), tick=False) as now:
            request_change(ada, limited=True)
            with pytest.raises(TooManyRequests) as refused:
                request_change(ada, NEW_EMAIL.upper(), limited=True)
            now.shift(refused.value.retry_after)
            request_change(ada, limited=True)
        assert (refused.value.retry_after, len(queued())) == (300, 2)

    def test_an_address_gets_one_email_in_five_minutes_without_revealing_other_requests(
        self, database: Database, ada: User, request_change: RequestChange, queued: Queued
    ) -> None:
        with database.read() as session:
            eve = session.get_one(User, add_user(database, "eve@example.com"))
        for minutes in (0, 4, 6):
            with time_machine.travel(clock.now() + timedelta(minutes=minutes)):
                request_change(eve if minutes == 4 else ada, limited=True)
        assert queued() == [("confirm_address", NEW_EMAIL)] * 2

    def test_a_user_can_email_five_addresses_an_hour(
        self, ada: User, request_change: RequestChange, queued: Queued
    ) -> None:
        with time_machine.travel(clock.now(), tick=False):
            for number in range(5):
                request_change(ada, f"a{number}@new.example", limited=True)
            with pytest.raises(TooManyRequests):
                request_change(ada, "a6@new.example", limited=True)
        assert len(queued()) == 5

    def test_simultaneous_requests_leave_one_pending_address(
        self, database: Database, ada: User, request_change: RequestChange
    ) -> None:
        results = run_at_once(
            [partial(request_change, ada, f"a{number}@new.example", limited=True) for number in range(4)]
        )
        assert results == [None] * 4
        with database.read() as session:
            assert len(session.scalars(select(AddressChange)).all()) == 1

    def test_resending_prolongs_the_change_and_keeps_the_link(
        self, state: AppState, ada: User, secret: str, queued: Queued
    ) -> None:
        with time_machine.travel(clock.now() + timedelta(hours=23)):
            with state.database.transaction() as session:
                address.resend(session, ada.id)
            assert confirm(state, secret).email == NEW_EMAIL
        assert queued()[:2] == [("confirm_address", NEW_EMAIL)] * 2

    def test_a_pending_change_expires_after_a_day(
        self, state: AppState, ada: User, request_change: RequestChange
    ) -> None:
        request_change(ada)
        with time_machine.travel(clock.now() + timedelta(hours=25)):
            with state.database.transaction() as session:
                assert address.find_pending(session, ada.id) is None
                with pytest.raises(NotFound):
                    address.resend(session, ada.id)
            with state.database.transaction() as session:
                jobs.delete_expired_address_changes(session, clock.now())
        with state.database.read() as session:
            assert session.scalars(select(AddressChange)).all() == []

    def test_the_email_for_a_cancelled_change_is_not_sent(
        self, state: AppState, ada: User, request_change: RequestChange, deliver: Deliver, inbox: Inbox
    ) -> None:
        request_change(ada)
        with state.database.transaction() as session:
            address.cancel(session, ada.id)
        deliver()
        with state.database.read() as session:
            assert session.scalars(select(Message.state)).all() == [MessageState.CANCELLED]
        assert inbox.messages == []


class TestConfirming:
    """The link in the email to the new address."""

    def test_it_changes_the_address_everywhere(self, state: AppState, ada: User, secret: str) -> None:
        confirm(state, secret)
        with state.database.read() as session:
            assert service.find_by_email(session, NEW_EMAIL.upper()) is not None
            assert service.find_by_email(session, ada.email) is None
            assert [user.id for user in listing.list_users(session, UserFilter(NEW_EMAIL), None)[0]] == [ada.id]
            assert listing.list_users(session, UserFilter(ada.email), None)[0] == []
            assert address.find_pending(session, ada.id) is None

    def test_the_secret_is_not_in_the_database(self, database: Database, secret: str) -> None:
        with database.read() as session:
            rows = [vars(row) for model in (Link, Message, AddressChange) for row in session.scalars(select(model))]
        assert len(rows) == 3
        assert secret not in str(rows)

    def test_an_address_taken_meanwhile_changes_nothing_and_keeps_the_link(
        self, state: AppState, ada: User, secret: str
    ) -> None:
        add_user(state.database, NEW_EMAIL)
        with pytest.raises(AddressTaken), state.database.read() as session:
            address.link_effect(session, secret, LinkPurpose.CONFIRM_ADDRESS)
        with pytest.raises(AddressTaken):
            confirm(state, secret)
        assert email_of(state.database, ada) == ada.email
        with state.database.read() as session:
            links.check(links.find(session, secret, LinkPurpose.CONFIRM_ADDRESS))

    def test_requesting_another_address_revokes_the_link(
        self, state: AppState, ada: User, secret: str, request_change: RequestChange
    ) -> None:
        request_change(ada, "other@new.example")
        with pytest.raises(LinkRevoked):
            confirm(state, secret)

    def test_it_does_not_work_for_a_disabled_user(self, state: AppState, secret: str) -> None:
        with state.database.transaction() as session:
            session.execute(update(User).values(state=UserState.DISABLED))
        with pytest.raises(AccountDisabled):
            confirm(state, secret)

    def test_the_letter_case_of_an_address_can_be_changed(
        self, state: AppState, ada: User, request_change: RequestChange, deliver: Deliver, inbox: Inbox
    ) -> None:
        request_change(ada, "ADA@example.com")
        deliver()
        assert inbox.last.rcpt_to == ["ADA@example.com"]
        assert confirm(state, secret_of(inbox)).email == "ADA@example.com"


class TestRestoring:
    """The link in the email to the old address."""

    def test_it_restores_the_address_and_ends_all_sessions(
        self, state: AppState, ada: User, undo: str, signed_in: SignedIn
    ) -> None:
        token = signed_in(ada)
        restore(state, undo)
        assert email_of(state.database, ada) == ada.email
        assert sessions.find(state.database, token) is None
        with state.database.read() as session:
            assert [user.id for user in listing.list_users(session, UserFilter(ada.email), None)[0]] == [ada.id]

    def test_it_revokes_all_links_and_creates_a_reset_link(
        self, state: AppState, ada: User, undo: str, new_link: NewLink, request_change: RequestChange
    ) -> None:
        old = {purpose: new_link(ada, purpose, timedelta(days=8)) for purpose in LinkPurpose}
        reset = restore(state, undo)
        with state.database.read() as session:
            assert all(links.find(session, kept, purpose).revoked_at for purpose, kept in old.items())
        with state.database.transaction() as session:
            assert password_links.complete_reset(session, reset, "a hash").id == ada.id

    def test_an_address_that_was_taken_meanwhile_is_not_restored(self, state: AppState, ada: User, undo: str) -> None:
        add_user(state.database, ada.email)
        with pytest.raises(AddressTaken):
            restore(state, undo)
        assert email_of(state.database, ada) == NEW_EMAIL
