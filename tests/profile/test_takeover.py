"""Whoever knows the password and changes the address: the owner of the old address has the last word."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from tests.profile.conftest import NEW, Ask
from tests.support.browser import PASSWORD
from tests.support.inbox import Inbox
from webapp.accounts import passwords, service, signing_in
from webapp.accounts.links import LinkRevoked
from webapp.accounts.models import User
from webapp.accounts.sign_ins import Client
from webapp.accounts.signing_in import SignInRefused
from webapp.context import Parts
from webapp.outbox.models import Message, State
from webapp.profile import address

THIEF = "thief@new.example"


@pytest.fixture
def change(parts: Parts, ada: User, ask: Ask, deliver: Callable[[], None], inbox: Inbox) -> Callable[[str], None]:
    """Change the address; the mail to the old one is owed."""

    def change(email: str) -> None:
        with parts.database.reading() as session:
            ask(session.get_one(User, ada.id), email)
        deliver()
        with parts.database.writing() as session:
            address.confirm(session, parts.queue, newest(inbox))

    return change


def newest(inbox: Inbox) -> str:
    return inbox.last.link.rpartition("/")[2]


def restore(parts: Parts, secret: str) -> User:
    with parts.database.writing() as session:
        return address.restore(session, secret)[0]


def test_undoing_a_later_change_leaves_the_first_owner_the_right_to_undo(
    parts: Parts, ada: User, change: Callable[[str], None], deliver: Callable[[], None], inbox: Inbox
) -> None:
    change(NEW)
    deliver()
    of_ada = newest(inbox)
    change(THIEF)
    deliver()
    assert restore(parts, newest(inbox)).email == NEW
    assert restore(parts, of_ada).email == ada.email


def test_undoing_the_first_change_ends_the_right_to_undo_later_ones(
    parts: Parts, ada: User, change: Callable[[str], None], deliver: Callable[[], None], inbox: Inbox
) -> None:
    change(NEW)
    deliver()
    of_ada = newest(inbox)
    change(THIEF)
    deliver()
    of_thief = newest(inbox)
    restore(parts, of_ada)
    with pytest.raises(LinkRevoked):
        restore(parts, of_thief)


def test_a_mail_that_comes_late_gives_nobody_the_right_to_undo_what_was_undone(
    parts: Parts, change: Callable[[str], None], deliver: Callable[[], None], inbox: Inbox
) -> None:
    change(NEW)
    deliver()
    of_ada = newest(inbox)
    change(THIEF)
    restore(parts, of_ada)
    deliver()
    with parts.database.reading() as session:
        last = session.scalars(select(Message).order_by(Message.id.desc()).limit(1)).one()
    assert (last.template, last.recipient, last.state) == ("address_changed", NEW, State.DROPPED)


def test_a_change_after_an_undone_one_can_be_undone_as_well(
    parts: Parts, ada: User, change: Callable[[str], None], deliver: Callable[[], None], inbox: Inbox
) -> None:
    change(NEW)
    deliver()
    with parts.database.writing() as session:
        _ada, reset = address.restore(session, newest(inbox))
    with parts.database.writing() as session:
        service.reset_password(session, parts.queue, reset, passwords.hashed(PASSWORD))
    deliver()
    change(THIEF)
    deliver()
    assert restore(parts, newest(inbox)).email == ada.email


def test_after_undoing_the_old_password_lets_nobody_in(
    parts: Parts, ada: User, change: Callable[[str], None], deliver: Callable[[], None], inbox: Inbox
) -> None:
    change(NEW)
    deliver()
    restore(parts, newest(inbox))
    with pytest.raises(SignInRefused):
        signing_in.sign_in(parts.database, parts.queue, ada.email, PASSWORD, Client("192.0.2.1", "Firefox"))
