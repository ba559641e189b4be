"""What happens to accounts, below the pages."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from unittest import mock

import argon2
import pytest
import time_machine
from sqlalchemy import select, update

from tests.accounts.conftest import CLIENT, PASSWORD, at_once
from tests.support import browser
from webapp import clock
from webapp.accounts import service
from webapp.accounts.links import service as links
from webapp.accounts.models import Link, Purpose, Role, SignIn, Status, User
from webapp.accounts.passwords import hashing
from webapp.accounts.service import AccountDisabled, AddressTaken, AlreadyActive
from webapp.accounts.sign_ins import service as sign_ins
from webapp.accounts.sign_ins import signing_in
from webapp.accounts.sign_ins.service import Client
from webapp.accounts.sign_ins.signing_in import SignInRefused
from webapp.context import Parts
from webapp.database import Database
from webapp.errors import NotFound
from webapp.outbox.models import Message

NewLink = Callable[..., str]
Owed = Callable[[], list[tuple[str, str]]]


def create(parts: Parts, email: str, name: str = "Eve", by_mail: bool = True) -> User:
    """A new member."""
    with parts.database.writing() as session:
        return service.create_user(
            session, parts.queue, email=email, name=name, role=Role.MEMBER, send_activation=by_mail
        )


def set_status(database: Database, person: User, status: Status) -> None:
    """Change it as an administrator would."""
    with database.writing() as session:
        session.execute(update(User).where(User.id == person.id).values(status=status))


def sign_in(parts: Parts, email: str, password: str = browser.PASSWORD, address: str = "192.0.2.1") -> str:
    """A new sign-in's token."""
    return signing_in.sign_in(parts.database, parts.queue, email, password, Client(address, "Firefox")).token


class TestCreating:
    """Adding people."""

    def test_a_new_person_is_owed_an_activation_mail_that_expires_with_its_link(self, parts: Parts) -> None:
        person = create(parts, "eve@example.com")
        with parts.database.reading() as session:
            message = session.scalars(select(Message)).one()
        assert (person.status, person.password_hash) == (Status.PENDING, None)
        assert (message.template, message.user_id) == ("activation", person.id)
        assert message.expires_at is not None
        assert abs(message.expires_at - message.created_at - timedelta(hours=24)) < timedelta(minutes=1)

    def test_a_person_whose_link_is_shown_is_owed_nothing(self, parts: Parts, owed: Owed) -> None:
        create(parts, "eve@example.com", by_mail=False)
        assert owed() == []

    @pytest.mark.parametrize("again", ["ada@example.com", "ADA@Example.COM"])
    def test_an_address_has_one_account_however_it_is_written(
        self, parts: Parts, ada: User, owed: Owed, again: str
    ) -> None:
        with pytest.raises(AddressTaken):
            create(parts, again)
        assert owed() == []

    def test_two_accounts_created_at_once_with_one_address_are_one(self, parts: Parts) -> None:
        ends = at_once([lambda: create(parts, "eve@example.com")] * 4)
        assert sorted(type(end).__name__ for end in ends) == ["AddressTaken"] * 3 + ["User"]

    def test_an_administrator_made_by_the_operator_can_sign_in_at_once(self, parts: Parts) -> None:
        with parts.database.writing() as session:
            service.create_administrator(session, "root@example.com", "Root", hashing.hashed(PASSWORD))
            assert service.has_administrator(session)
        assert sign_in(parts, "root@example.com", PASSWORD)


class TestListing:
    """The list of users."""

    def test_pages_follow_each_other_from_the_newest_on(self, parts: Parts) -> None:
        ids = [create(parts, f"p{number}@example.com", by_mail=False).id for number in range(service.PAGE + 5)]
        with parts.database.reading() as session:
            first, more = service.page_of_users(session, "", None)
            second, end = service.page_of_users(session, "", first[-1].id)
        assert [person.id for person in first + second] == ids[::-1]
        assert (len(first), more, end) == (service.PAGE, True, False)

    @pytest.mark.parametrize(
        ("search", "found"),
        [
            ("lovelace", ["ada@example.com"]),
            ("ADA love", ["ada@example.com"]),
            ("ada@ex", ["ada@example.com"]),
            ("élodie", ["elo@bücher.example"]),
            ("ELO@BÜCHER.example", ["elo@bücher.example"]),
            ("example", ["elo@bücher.example", "ada@example.com"]),
            ("%", []),
            ("_", []),
            ("nobody", []),
        ],
    )
    def test_a_search_finds_parts_of_names_and_addresses(self, parts: Parts, search: str, found: list[str]) -> None:
        create(parts, "ada@example.com", "Ada Lovelace")
        create(parts, "elo@bücher.example", "Élodie Müller")
        with parts.database.reading() as session:
            people, _more = service.page_of_users(session, search, None)
        assert [person.email for person in people] == found

    def test_a_whole_address_finds_its_owner_alone(self, parts: Parts) -> None:
        for email in ("ada@example.com", "nada@example.com"):
            create(parts, email)
        with parts.database.reading() as session:
            people, more = service.page_of_users(session, "ADA@Example.com", None)
            assert service.page_of_users(session, "ada@example.com", people[0].id) == ([], False)
        assert ([person.email for person in people], more) == (["ada@example.com"], False)

    @pytest.mark.parametrize("number", [0, -1, -(10**30)])
    def test_numbers_that_nobody_has_find_nobody(self, parts: Parts, number: int) -> None:
        with parts.database.reading() as session:
            assert service.page_of_users(session, "", number) == ([], False)

    @pytest.mark.parametrize("number", [0, -1, 2**31, 2**63, 10**30])
    def test_numbers_that_nobody_has_name_nobody(self, parts: Parts, number: int) -> None:
        with parts.database.reading() as session, pytest.raises(NotFound):
            service.user(session, number)

    def test_a_number_larger_than_all_starts_at_the_newest(self, parts: Parts, ada: User) -> None:
        with parts.database.reading() as session:
            assert [person.id for person in service.page_of_users(session, "", 10**30)[0]] == [ada.id]


class TestSigningIn:
    """An address and a password."""

    def test_a_token_is_not_in_the_database(self, parts: Parts, ada: User) -> None:
        token = sign_in(parts, "ADA@example.com")
        with parts.database.reading() as session:
            row = session.scalars(select(SignIn)).one()
        assert (row.user_id, row.address, row.device) == (ada.id, "192.0.2.1", "Firefox")
        assert token not in str(vars(row))

    @pytest.mark.parametrize("status", [Status.PENDING, Status.DISABLED])
    def test_only_active_people_are_let_in(self, parts: Parts, ada: User, status: Status) -> None:
        set_status(parts.database, ada, status)
        with pytest.raises(SignInRefused):
            sign_in(parts, ada.email)

    @pytest.mark.parametrize("email", ["", "nobody@example.com", "ada", "x" * 2000])
    def test_nobody_is_not_let_in(self, parts: Parts, ada: User, email: str) -> None:
        with pytest.raises(SignInRefused):
            sign_in(parts, email)

    @pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
    def test_a_password_is_hashed_whether_there_is_an_account_or_not(
        self, parts: Parts, ada: User, monkeypatch: pytest.MonkeyPatch, email: str
    ) -> None:
        counted = mock.Mock(wraps=hashing.fits)
        monkeypatch.setattr(hashing, "fits", counted)
        with pytest.raises(SignInRefused):
            sign_in(parts, email, "wrong")
        counted.assert_called_once()

    def test_a_hash_is_renewed_when_the_parameters_changed(self, parts: Parts, ada: User) -> None:
        old = argon2.PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(browser.PASSWORD)
        with parts.database.writing() as session:
            session.get_one(User, ada.id).password_hash = old
        assert sign_in(parts, ada.email)
        with parts.database.reading() as session:
            kept = session.get_one(User, ada.id).password_hash
        assert kept is not None
        assert not hashing.outdated(kept)

    def test_a_reset_while_the_password_is_checked_wins(
        self, parts: Parts, ada: User, new_link: NewLink, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        secret, fits = new_link(ada, Purpose.RESET), hashing.fits

        def slowly(password: str, kept: str | None) -> bool:
            with parts.database.writing() as session:
                service.reset_password(session, parts.queue, secret, hashing.hashed(PASSWORD))
            return fits(password, kept)

        monkeypatch.setattr(hashing, "fits", slowly)
        with pytest.raises(SignInRefused):
            sign_in(parts, ada.email)


class TestActivating:
    """The first password."""

    def test_it_makes_the_account_active_and_owes_the_notice(
        self, parts: Parts, pat: User, new_link: NewLink, owed: Owed
    ) -> None:
        secret = new_link(pat, Purpose.ACTIVATION)
        with parts.database.writing() as session:
            person = service.activate(session, parts.queue, secret, hashing.hashed(PASSWORD))
        assert (person.status, person.activated_at) == (Status.ACTIVE, person.password_changed_at)
        assert owed() == [("activated", pat.email)]
        assert sign_in(parts, pat.email, PASSWORD)

    def test_of_two_links_used_at_once_one_chooses_the_password(
        self, parts: Parts, pat: User, new_link: NewLink, owed: Owed
    ) -> None:
        def using(secret: str) -> Callable[[], object]:
            def use() -> object:
                with parts.database.writing() as session:
                    return service.activate(session, parts.queue, secret, hashing.hashed(secret))

            return use

        ends = at_once([using(new_link(pat, Purpose.ACTIVATION)) for _ in range(4)])
        assert [type(end) for end in ends].count(User) == 1
        assert owed() == [("activated", pat.email)]

    def test_those_who_come_late_with_another_link_are_told_so(
        self, parts: Parts, pat: User, new_link: NewLink
    ) -> None:
        secrets = [new_link(pat, Purpose.ACTIVATION) for _ in range(6)]

        def use(secret: str) -> User:
            with parts.database.writing() as session:
                return service.activate(session, parts.queue, secret, hashing.hashed(secret))

        ends = at_once([partial(use, secret) for secret in secrets])
        assert sorted(type(end).__name__ for end in ends) == ["LinkRevoked"] * 5 + ["User"]

    @pytest.mark.parametrize(
        ("status", "failure"), [(Status.ACTIVE, AlreadyActive), (Status.DISABLED, AccountDisabled)]
    )
    def test_only_pending_people_can(
        self, parts: Parts, pat: User, new_link: NewLink, status: Status, failure: type[Exception]
    ) -> None:
        secret = new_link(pat, Purpose.ACTIVATION)
        set_status(parts.database, pat, status)
        with pytest.raises(failure), parts.database.writing() as session:
            service.activate(session, parts.queue, secret, hashing.hashed(PASSWORD))
        with parts.database.reading() as session:
            assert links.find(session, secret, Purpose.ACTIVATION).used_at is None

    def test_another_mail_goes_to_the_person_of_the_link_once_in_five_minutes(
        self, parts: Parts, pat: User, new_link: NewLink, owed: Owed
    ) -> None:
        secret = new_link(pat, Purpose.ACTIVATION, timedelta(hours=-1))
        for later in (0, 4, 6):
            with time_machine.travel(clock.now() + timedelta(minutes=later)), parts.database.writing() as session:
                service.owe_activation_again(session, parts.queue, secret, limited=True)
        assert owed() == [("activation", pat.email)] * 2

    def test_another_mail_is_for_pending_people_alone(
        self, parts: Parts, pat: User, new_link: NewLink, owed: Owed
    ) -> None:
        secret = new_link(pat, Purpose.ACTIVATION)
        set_status(parts.database, pat, Status.ACTIVE)
        with parts.database.writing() as session:
            service.owe_activation_again(session, parts.queue, secret, limited=True)
            service.owe_activation_again(session, parts.queue, "no such secret", limited=True)
        assert owed() == []


class TestResetting:
    """A forgotten password."""

    def test_a_mail_is_owed_whoever_the_address_belongs_to(self, parts: Parts, ada: User, owed: Owed) -> None:
        with parts.database.writing() as session:
            service.request_reset(session, parts.queue, "nobody@example.com", CLIENT)
            service.request_reset(session, parts.queue, ada.email, CLIENT)
            assert {message.user_id for message in session.scalars(select(Message))} == {None}
        assert owed() == [("reset", "nobody@example.com"), ("reset", ada.email)]

    def test_an_address_is_owed_one_mail_in_five_minutes(self, parts: Parts, owed: Owed) -> None:
        for later in (0, 4, 6):
            with time_machine.travel(clock.now() + timedelta(minutes=later)), parts.database.writing() as session:
                service.request_reset(session, parts.queue, "Ada@example.com", CLIENT)
        assert len(owed()) == 2

    def test_it_signs_out_everywhere_and_revokes_the_other_links(
        self, parts: Parts, ada: User, new_link: NewLink, signed_in: Callable[[User], str], owed: Owed
    ) -> None:
        token, other, secret = signed_in(ada), new_link(ada, Purpose.RESET), new_link(ada, Purpose.RESET)
        with parts.database.writing() as session:
            service.reset_password(session, parts.queue, secret, hashing.hashed(PASSWORD))
        assert sign_ins.find(parts.database, token) is None
        with parts.database.reading() as session:
            assert links.find(session, other, Purpose.RESET).revoked_at is not None
        assert owed() == [("password_changed", ada.email)]
        with pytest.raises(SignInRefused):
            sign_in(parts, ada.email)

    def test_of_many_who_use_a_link_at_once_one_chooses_the_password(
        self, parts: Parts, ada: User, new_link: NewLink, owed: Owed
    ) -> None:
        secret = new_link(ada, Purpose.RESET)

        def use() -> object:
            with parts.database.writing() as session:
                return service.reset_password(session, parts.queue, secret, hashing.hashed(PASSWORD))

        ends = at_once([use] * 6)
        assert [type(end) for end in ends].count(User) == 1
        assert owed() == [("password_changed", ada.email)]

    def test_a_disabled_person_cannot(self, parts: Parts, ada: User, new_link: NewLink) -> None:
        secret = new_link(ada, Purpose.RESET)
        set_status(parts.database, ada, Status.DISABLED)
        with pytest.raises(AccountDisabled), parts.database.writing() as session:
            service.reset_password(session, parts.queue, secret, hashing.hashed(PASSWORD))
        with parts.database.reading() as session:
            assert session.scalars(select(Link)).one().used_at is None
