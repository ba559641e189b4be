"""A thief who knows the password and changes the address: the owner of the old address can undo it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from tests.accounts.conftest import NEW_EMAIL, Deliver
from tests.support.browser import PASSWORD
from tests.support.inbox import Inbox
from webapp.accounts.address_changes import service as address
from webapp.accounts.links import service as links
from webapp.accounts.links.errors import LinkRevoked
from webapp.accounts.models import LinkPurpose, User
from webapp.accounts.password_links import service as password_links
from webapp.accounts.passwords import hashing
from webapp.accounts.sessions import login
from webapp.accounts.sessions.login import LoginRefused
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.outbox.models import Message, MessageState
from webapp.web.client import Client

Change = Callable[[str], None]
ChangeAndNotify = Callable[[str], str]
THIEF = "thief@new.example"


@pytest.fixture
def change(state: AppState, ada: User) -> Change:
    """Change the address, and send no email."""

    def change(email: str) -> None:
        with state.database.transaction() as session:
            secret = links.create(
                session, ada, LinkPurpose.CONFIRM_ADDRESS, clock.now() + links.CONFIRMATION_LIFETIME, email
            )
            address.confirm(session, secret)

    return change


@pytest.fixture
def change_and_notify(change: Change, deliver: Deliver, inbox: Inbox) -> ChangeAndNotify:
    """Change the address, send the email to the old one, and return the secret of its link."""

    def change_and_notify(email: str) -> str:
        change(email)
        deliver()
        return inbox.last.link.rpartition("/")[2]

    return change_and_notify


def links_to(inbox: Inbox, recipient: str) -> list[str]:
    """Return the secrets of the links in emails to this address."""
    return [mail.link.rpartition("/")[2] for mail in inbox.messages if mail.rcpt_to == [recipient]]


def restore(state: AppState, secret: str) -> User:
    with state.database.transaction() as session:
        return address.restore(session, secret)[0]


def test_the_first_change_can_be_undone_after_a_later_one_was(
    state: AppState, ada: User, change_and_notify: ChangeAndNotify
) -> None:
    of_ada, of_new = change_and_notify(NEW_EMAIL), change_and_notify(THIEF)
    assert restore(state, of_new).email == NEW_EMAIL
    assert restore(state, of_ada).email == ada.email


def test_undoing_the_first_change_revokes_links_that_undo_later_ones(
    state: AppState, change_and_notify: ChangeAndNotify
) -> None:
    of_ada, of_new = change_and_notify(NEW_EMAIL), change_and_notify(THIEF)
    restore(state, of_ada)
    with pytest.raises(LinkRevoked):
        restore(state, of_new)


def test_a_late_email_about_an_undone_change_is_cancelled(
    state: AppState, change_and_notify: ChangeAndNotify, change: Change, deliver: Deliver
) -> None:
    of_ada = change_and_notify(NEW_EMAIL)
    change(THIEF)
    restore(state, of_ada)
    deliver()
    with state.database.read() as session:
        last = session.scalars(select(Message).order_by(Message.id.desc()).limit(1)).one()
    assert (last.kind, last.recipient, last.state) == ("address_changed", NEW_EMAIL, MessageState.CANCELLED)


def test_a_change_after_an_undone_one_can_be_undone(
    state: AppState, ada: User, change_and_notify: ChangeAndNotify, deliver: Deliver
) -> None:
    of_ada = change_and_notify(NEW_EMAIL)
    with state.database.transaction() as session:
        _ada, reset = address.restore(session, of_ada)
    with state.database.transaction() as session:
        password_links.complete_reset(session, reset, hashing.hash_password(PASSWORD))
    deliver()
    assert restore(state, change_and_notify(THIEF)).email == ada.email


def test_undoing_invalidates_the_old_password(state: AppState, ada: User, change_and_notify: ChangeAndNotify) -> None:
    restore(state, change_and_notify(NEW_EMAIL))
    with pytest.raises(LoginRefused):
        login.sign_in(state.database, ada.email, PASSWORD, Client("192.0.2.1", "Firefox"))


class TestTakingItBackInTheProfile:
    """The owner confirms the old address again instead of using the emailed link."""

    @pytest.mark.parametrize("sent", [True, False], ids=["email sent", "email queued"])
    @pytest.mark.parametrize("back", ["ada@example.com", "Ada@Example.com"])
    def test_the_thief_gets_no_link(
        self, change: Change, deliver: Deliver, inbox: Inbox, sent: bool, back: str
    ) -> None:
        change(THIEF)
        if sent:
            deliver()
        change(back)
        deliver()
        assert links_to(inbox, THIEF) == []

    def test_links_that_undo_later_changes_are_revoked(
        self, state: AppState, ada: User, change: Change, deliver: Deliver, inbox: Inbox
    ) -> None:
        for email in (THIEF, NEW_EMAIL):
            change(email)
            deliver()
        change(ada.email)
        with pytest.raises(LinkRevoked):
            restore(state, *links_to(inbox, THIEF))

    def test_emails_about_later_changes_are_not_sent(
        self, ada: User, change: Change, deliver: Deliver, inbox: Inbox
    ) -> None:
        for email in (THIEF, NEW_EMAIL, ada.email):
            change(email)
        deliver()
        assert inbox.messages == []

    def test_an_address_that_only_compares_as_equal_revokes_nothing(
        self, state: AppState, ada: User, change: Change, deliver: Deliver, inbox: Inbox
    ) -> None:
        for email in (THIEF, "ADA@example.com"):
            change(email)
        deliver()
        assert restore(state, *links_to(inbox, ada.email)).email == ada.email

    def test_a_later_change_can_be_undone(
        self, state: AppState, ada: User, change: Change, deliver: Deliver, inbox: Inbox
    ) -> None:
        for email in (THIEF, ada.email, NEW_EMAIL):
            change(email)
        deliver()
        assert restore(state, *links_to(inbox, ada.email)).email == ada.email

    def test_an_undone_change_cannot_be_taken_back(
        self, state: AppState, ada: User, change: Change, deliver: Deliver, inbox: Inbox
    ) -> None:
        change(THIEF)
        deliver()
        change(NEW_EMAIL)
        restore(state, *links_to(inbox, ada.email))
        inbox.messages.clear()
        for email in (NEW_EMAIL, THIEF):
            change(email)
        deliver()
        assert restore(state, *links_to(inbox, ada.email)).email == ada.email

    def test_after_seven_days_it_is_an_ordinary_change(
        self, ada: User, change: Change, deliver: Deliver, inbox: Inbox
    ) -> None:
        change(NEW_EMAIL)
        deliver()
        with time_machine.travel(clock.now() + timedelta(days=7, hours=1)):
            change(ada.email)
            deliver()
        assert len(links_to(inbox, NEW_EMAIL)) == 1
