"""Whoever knows the password and changes the address: the owner of the old address has the last word."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from tests.accounts.conftest import NEW_EMAIL
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
Deliver = Callable[[], None]
Told = Callable[[str], str]
THIEF = "thief@new.example"


@pytest.fixture
def move(parts: AppState, ada: User) -> Change:
    """Confirm another address; no mail leaves meanwhile."""

    def move(email: str) -> None:
        with parts.database.transaction() as session:
            secret = links.create(
                session, ada, LinkPurpose.CONFIRM_ADDRESS, clock.now() + links.CONFIRMATION_LIFETIME, email
            )
            address.confirm(session, secret)

    return move


@pytest.fixture
def told(move: Change, deliver: Deliver, inbox: Inbox) -> Told:
    """Confirm another address, and tell the old one: the secret in the mail to it."""

    def told(email: str) -> str:
        move(email)
        deliver()
        return inbox.last.link.rpartition("/")[2]

    return told


def undoing(inbox: Inbox, recipient: str) -> list[str]:
    """The secrets that were mailed there."""
    return [mail.link.rpartition("/")[2] for mail in inbox.messages if mail.rcpt_to == [recipient]]


def restore(parts: AppState, secret: str) -> User:
    with parts.database.transaction() as session:
        return address.restore(session, secret)[0]


def test_undoing_a_later_change_leaves_the_first_owner_the_right_to_undo(
    parts: AppState, ada: User, told: Told
) -> None:
    of_ada, of_new = told(NEW_EMAIL), told(THIEF)
    assert restore(parts, of_new).email == NEW_EMAIL
    assert restore(parts, of_ada).email == ada.email


def test_undoing_the_first_change_ends_the_right_to_undo_later_ones(parts: AppState, told: Told) -> None:
    of_ada, of_new = told(NEW_EMAIL), told(THIEF)
    restore(parts, of_ada)
    with pytest.raises(LinkRevoked):
        restore(parts, of_new)


def test_a_mail_that_comes_late_gives_nobody_the_right_to_undo_what_was_undone(
    parts: AppState, told: Told, move: Change, deliver: Deliver
) -> None:
    of_ada = told(NEW_EMAIL)
    move(THIEF)
    restore(parts, of_ada)
    deliver()
    with parts.database.read() as session:
        last = session.scalars(select(Message).order_by(Message.id.desc()).limit(1)).one()
    assert (last.kind, last.recipient, last.state) == ("address_changed", NEW_EMAIL, MessageState.CANCELLED)


def test_a_change_after_an_undone_one_can_be_undone_as_well(
    parts: AppState, ada: User, told: Told, deliver: Deliver
) -> None:
    of_ada = told(NEW_EMAIL)
    with parts.database.transaction() as session:
        _ada, reset = address.restore(session, of_ada)
    with parts.database.transaction() as session:
        password_links.complete_reset(session, reset, hashing.hash_password(PASSWORD))
    deliver()
    assert restore(parts, told(THIEF)).email == ada.email


def test_after_undoing_the_old_password_lets_nobody_in(parts: AppState, ada: User, told: Told) -> None:
    restore(parts, told(NEW_EMAIL))
    with pytest.raises(LoginRefused):
        login.sign_in(parts.database, ada.email, PASSWORD, Client("192.0.2.1", "Firefox"))


class TestTakingItBackInTheProfile:
    """The owner confirms the old address again, rather than use the link that was mailed there."""

    @pytest.mark.parametrize("told", [True, False], ids=["told", "told too late"])
    @pytest.mark.parametrize("back", ["ada@example.com", "Ada@Example.com"])
    def test_the_thief_is_mailed_no_link(
        self, move: Change, deliver: Deliver, inbox: Inbox, told: bool, back: str
    ) -> None:
        move(THIEF)
        if told:
            deliver()
        move(back)
        deliver()
        assert undoing(inbox, THIEF) == []

    def test_links_of_the_changes_after_it_are_worth_nothing(
        self, parts: AppState, ada: User, move: Change, deliver: Deliver, inbox: Inbox
    ) -> None:
        for email in (THIEF, NEW_EMAIL):
            move(email)
            deliver()
        move(ada.email)
        with pytest.raises(LinkRevoked):
            restore(parts, *undoing(inbox, THIEF))

    def test_mails_of_the_changes_after_it_are_not_sent(
        self, ada: User, move: Change, deliver: Deliver, inbox: Inbox
    ) -> None:
        for email in (THIEF, NEW_EMAIL, ada.email):
            move(email)
        deliver()
        assert inbox.messages == []

    def test_a_mailbox_that_only_compares_as_equal_ends_nothing_of_the_owners(
        self, parts: AppState, ada: User, move: Change, deliver: Deliver, inbox: Inbox
    ) -> None:
        for email in (THIEF, "ADA@example.com"):
            move(email)
        deliver()
        assert restore(parts, *undoing(inbox, ada.email)).email == ada.email

    def test_a_change_after_it_can_be_undone(
        self, parts: AppState, ada: User, move: Change, deliver: Deliver, inbox: Inbox
    ) -> None:
        for email in (THIEF, ada.email, NEW_EMAIL):
            move(email)
        deliver()
        assert restore(parts, *undoing(inbox, ada.email)).email == ada.email

    def test_whose_change_was_undone_takes_nothing_back(
        self, parts: AppState, ada: User, move: Change, deliver: Deliver, inbox: Inbox
    ) -> None:
        move(THIEF)
        deliver()
        move(NEW_EMAIL)
        restore(parts, *undoing(inbox, ada.email))
        inbox.messages.clear()
        for email in (NEW_EMAIL, THIEF):
            move(email)
        deliver()
        assert restore(parts, *undoing(inbox, ada.email)).email == ada.email

    def test_after_seven_days_it_is_a_change_like_any_other(
        self, ada: User, move: Change, deliver: Deliver, inbox: Inbox
    ) -> None:
        move(NEW_EMAIL)
        deliver()
        with time_machine.travel(clock.now() + timedelta(days=7, hours=1)):
            move(ada.email)
            deliver()
        assert len(undoing(inbox, NEW_EMAIL)) == 1
