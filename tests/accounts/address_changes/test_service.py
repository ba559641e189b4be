"""Another address: asked for, confirmed, undone; below the pages."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
import time_machine
from sqlalchemy import select, update

from tests.accounts.conftest import NEW_EMAIL, Ask, run_at_once
from tests.support.inbox import Inbox
from tests.support.people import add_person
from webapp.accounts import jobs, service
from webapp.accounts.address_changes import service as address
from webapp.accounts.links import service as links
from webapp.accounts.links.errors import AccountDisabled, LinkExpired, LinkRevoked, LinkUsed
from webapp.accounts.models import AddressChange, Link, LinkPurpose, User, UserState
from webapp.accounts.password_links import service as password_links
from webapp.accounts.service import AddressTaken
from webapp.accounts.sessions import service as sign_ins
from webapp.accounts.sessions.reauthentication import WrongPassword
from webapp.accounts.users import administration
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.core.errors import NotFound, TooManyRequests
from webapp.outbox.models import Message, MessageState

Queued = Callable[[], list[tuple[str, str]]]
NewLink = Callable[..., str]


@pytest.fixture
def secret(ask: Ask, ada: User, deliver: Callable[[], None], inbox: Inbox) -> str:
    """The secret in the mail to the new address."""
    ask(ada)
    deliver()
    return secret_of(inbox)


@pytest.fixture
def undo(secret: str, parts: AppState, deliver: Callable[[], None], inbox: Inbox) -> str:
    """The address is changed; the secret in the mail to the old one."""
    confirm(parts, secret)
    deliver()
    return secret_of(inbox)


def secret_of(inbox: Inbox) -> str:
    return inbox.last.link.rpartition("/")[2]


def confirm(parts: AppState, secret: str) -> User:
    with parts.database.transaction() as session:
        return address.confirm(session, secret)


def restore(parts: AppState, secret: str) -> str:
    """The secret of the reset link."""
    with parts.database.transaction() as session:
        return address.restore(session, secret)[1]


def email_of(database: Database, person: User) -> str:
    with database.read() as session:
        return session.get_one(User, person.id).email


class TestAsking:
    """Before anything is confirmed."""

    def test_the_address_stays_until_the_new_one_is_confirmed(
        self, parts: AppState, ada: User, ask: Ask, queued: Queued
    ) -> None:
        ask(ada)
        with parts.database.read() as session:
            waiting = address.find_pending(session, ada.id)
        assert (email_of(parts.database, ada), waiting and waiting.email) == (ada.email, NEW_EMAIL)
        assert queued() == [("confirm_address", NEW_EMAIL)]

    def test_it_needs_the_password(self, ada: User, ask: Ask, queued: Queued) -> None:
        with pytest.raises(WrongPassword):
            ask(ada, password="wrong")
        assert queued() == []

    def test_whose_the_new_address_is_makes_no_difference(
        self, database: Database, ada: User, ask: Ask, queued: Queued
    ) -> None:
        add_person(database, "taken@example.com")
        ask(ada, "taken@example.com")
        ask(ada, "free@example.com")
        assert queued() == [("confirm_address", "taken@example.com"), ("confirm_address", "free@example.com")]

    def test_a_person_mails_one_address_once_in_five_minutes(self, ada: User, ask: Ask, queued: Queued) -> None:
        with time_machine.travel(clock.now(), tick=False) as now:
            ask(ada, limited=True)
            with pytest.raises(TooManyRequests) as refused:
                ask(ada, NEW_EMAIL.upper(), limited=True)
            now.shift(refused.value.retry_after)
            ask(ada, limited=True)
        assert (refused.value.retry_after, len(queued())) == (300, 2)

    def test_an_address_gets_one_mail_in_five_minutes_and_nobody_learns_that_others_asked(
        self, database: Database, ask: Ask
    ) -> None:
        with time_machine.travel(clock.now(), tick=False):
            for number in range(14):
                with database.read() as session:
                    person = session.get_one(User, add_person(database, f"p{number}@example.com"))
                ask(person, limited=True)
        with database.read() as session:
            due = session.scalars(select(Message.next_attempt_at).order_by(Message.id)).all()
        assert [moment - due[0] for moment in due] == [timedelta(minutes=5 * number) for number in range(12)]

    def test_a_person_can_mail_five_addresses_an_hour(self, ada: User, ask: Ask, queued: Queued) -> None:
        with time_machine.travel(clock.now(), tick=False):
            for number in range(5):
                ask(ada, f"a{number}@new.example", limited=True)
            with pytest.raises(TooManyRequests):
                ask(ada, "a6@new.example", limited=True)
        assert len(queued()) == 5

    def test_asking_twice_at_once_leaves_one_address_waiting(self, database: Database, ada: User, ask: Ask) -> None:
        ends = run_at_once([partial(ask, ada, f"a{number}@new.example", limited=True) for number in range(4)])
        assert ends == [None] * 4
        with database.read() as session:
            assert len(session.scalars(select(AddressChange)).all()) == 1

    def test_sending_again_renews_the_time_and_keeps_the_link(
        self, parts: AppState, ada: User, secret: str, queued: Queued
    ) -> None:
        with time_machine.travel(clock.now() + timedelta(hours=23)):
            with parts.database.transaction() as session:
                address.resend(session, ada.id)
            assert confirm(parts, secret).email == NEW_EMAIL
        assert queued()[:2] == [("confirm_address", NEW_EMAIL)] * 2

    def test_nothing_waits_any_more_after_a_day(self, parts: AppState, ada: User, ask: Ask) -> None:
        ask(ada)
        with time_machine.travel(clock.now() + timedelta(hours=25)):
            with parts.database.transaction() as session:
                assert address.find_pending(session, ada.id) is None
                with pytest.raises(NotFound):
                    address.resend(session, ada.id)
            with parts.database.transaction() as session:
                jobs.delete_expired_address_changes(session, clock.now())
        with parts.database.read() as session:
            assert session.scalars(select(AddressChange)).all() == []

    def test_a_mail_for_a_cancelled_change_is_not_sent(
        self, parts: AppState, ada: User, ask: Ask, deliver: Callable[[], None], inbox: Inbox
    ) -> None:
        ask(ada)
        with parts.database.transaction() as session:
            address.cancel(session, ada.id)
        deliver()
        with parts.database.read() as session:
            assert session.scalars(select(Message.state)).all() == [MessageState.CANCELLED]
        assert inbox.messages == []


class TestConfirming:
    """The link in the mail to the new address."""

    def test_it_changes_the_address_everywhere(self, parts: AppState, ada: User, secret: str) -> None:
        confirm(parts, secret)
        with parts.database.read() as session:
            assert service.find_by_email(session, NEW_EMAIL.upper()) is not None
            assert service.find_by_email(session, ada.email) is None
            assert [person.id for person in administration.list_users(session, NEW_EMAIL, None)[0]] == [ada.id]
            assert administration.list_users(session, ada.email, None)[0] == []
            assert address.find_pending(session, ada.id) is None

    def test_the_secret_is_not_in_the_database(self, database: Database, secret: str) -> None:
        with database.read() as session:
            rows = [vars(row) for model in (Link, Message, AddressChange) for row in session.scalars(select(model))]
        assert len(rows) == 3
        assert secret not in str(rows)

    def test_reset_links_for_the_old_address_die(
        self, parts: AppState, ada: User, secret: str, new_link: NewLink
    ) -> None:
        reset = new_link(ada, LinkPurpose.RESET)
        confirm(parts, secret)
        with pytest.raises(LinkRevoked), parts.database.transaction() as session:
            password_links.complete_reset(session, reset, "a hash")

    def test_of_many_at_once_one_wins(self, parts: AppState, secret: str, queued: Queued) -> None:
        ends = run_at_once([lambda: confirm(parts, secret)] * 4)
        assert sorted(type(end).__name__ for end in ends) == ["LinkUsed"] * 3 + ["User"]
        assert queued()[1:] == [("address_changed", "ada@example.com")]

    def test_an_address_taken_meanwhile_changes_nothing_and_costs_no_link(
        self, parts: AppState, ada: User, secret: str
    ) -> None:
        add_person(parts.database, NEW_EMAIL)
        with pytest.raises(AddressTaken), parts.database.read() as session:
            address.link_effect(session, secret, LinkPurpose.CONFIRM_ADDRESS)
        with pytest.raises(AddressTaken):
            confirm(parts, secret)
        assert email_of(parts.database, ada) == ada.email
        with parts.database.read() as session:
            links.check(links.find(session, secret, LinkPurpose.CONFIRM_ADDRESS))

    def test_asking_for_another_one_ends_the_link(self, parts: AppState, ada: User, secret: str, ask: Ask) -> None:
        ask(ada, "other@new.example")
        with pytest.raises(LinkRevoked):
            confirm(parts, secret)

    def test_a_reset_of_the_password_ends_the_link(
        self, parts: AppState, ada: User, secret: str, new_link: NewLink
    ) -> None:
        reset = new_link(ada, LinkPurpose.RESET)
        with parts.database.transaction() as session:
            password_links.complete_reset(session, reset, "a hash")
        with pytest.raises(LinkRevoked):
            confirm(parts, secret)

    def test_it_works_for_a_day(self, parts: AppState, secret: str) -> None:
        with time_machine.travel(clock.now() + timedelta(hours=25)), pytest.raises(LinkExpired):
            confirm(parts, secret)

    def test_a_disabled_person_cannot(self, parts: AppState, secret: str) -> None:
        with parts.database.transaction() as session:
            session.execute(update(User).values(state=UserState.DISABLED))
        with pytest.raises(AccountDisabled):
            confirm(parts, secret)

    def test_other_letter_case_is_another_address_of_the_same_account(
        self, parts: AppState, ada: User, ask: Ask, deliver: Callable[[], None], inbox: Inbox
    ) -> None:
        ask(ada, "ADA@example.com")
        deliver()
        assert inbox.last.rcpt_to == ["ADA@example.com"]
        assert confirm(parts, secret_of(inbox)).email == "ADA@example.com"


class TestRestoring:
    """The link in the mail to the old address."""

    def test_the_old_address_is_told_the_new_one(self, undo: str, inbox: Inbox) -> None:
        mail = inbox.last
        assert (mail.rcpt_to, mail["Subject"]) == (
            ["ada@example.com"],
            "The email address of your Mailroom account was changed",
        )
        assert f"from ada@example.com to {NEW_EMAIL}" in mail.text.replace("\n", " ")

    def test_it_brings_the_address_back_and_signs_out_everywhere(
        self, parts: AppState, ada: User, undo: str, signed_in: Callable[[User], str]
    ) -> None:
        token = signed_in(ada)
        restore(parts, undo)
        assert email_of(parts.database, ada) == ada.email
        assert sign_ins.find(parts.database, token) is None
        with parts.database.read() as session:
            assert [person.id for person in administration.list_users(session, ada.email, None)[0]] == [ada.id]

    def test_it_ends_all_links_but_one_to_choose_a_new_password(
        self, parts: AppState, ada: User, undo: str, new_link: NewLink, ask: Ask
    ) -> None:
        old = {purpose: new_link(ada, purpose, timedelta(days=8)) for purpose in LinkPurpose}
        reset = restore(parts, undo)
        with parts.database.read() as session:
            assert all(links.find(session, kept, purpose).revoked_at for purpose, kept in old.items())
        with parts.database.transaction() as session:
            assert password_links.complete_reset(session, reset, "a hash").id == ada.id

    def test_a_second_change_and_a_new_password_do_not_stop_it(
        self,
        parts: AppState,
        ada: User,
        undo: str,
        ask: Ask,
        deliver: Callable[[], None],
        inbox: Inbox,
        new_link: NewLink,
    ) -> None:
        ask(ada, "thief@new.example")
        deliver()
        confirm(parts, secret_of(inbox))
        reset = new_link(ada, LinkPurpose.RESET)
        with parts.database.transaction() as session:
            password_links.complete_reset(session, reset, "a hash")
        restore(parts, undo)
        assert email_of(parts.database, ada) == ada.email

    def test_it_works_once(self, parts: AppState, undo: str) -> None:
        restore(parts, undo)
        with pytest.raises(LinkUsed):
            restore(parts, undo)

    @pytest.mark.parametrize(("days", "works"), [(6.9, True), (7.1, False)])
    def test_it_works_for_seven_days(self, parts: AppState, undo: str, days: float, works: bool) -> None:
        with time_machine.travel(clock.now() + timedelta(days=days)):
            if works:
                restore(parts, undo)
            else:
                with pytest.raises(LinkExpired):
                    restore(parts, undo)

    def test_an_address_that_somebody_else_has_by_now_is_left_to_them(
        self, parts: AppState, ada: User, undo: str
    ) -> None:
        add_person(parts.database, ada.email)
        with pytest.raises(AddressTaken):
            restore(parts, undo)
        assert email_of(parts.database, ada) == NEW_EMAIL
