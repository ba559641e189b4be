"""What ends which link: every purpose against every change of an account."""

from datetime import timedelta
from typing import NamedTuple

import pytest

from tests.accounts.conftest import CLIENT
from tests.support.browser import PASSWORD
from tests.support.people import add_person
from webapp import clock
from webapp.accounts import users
from webapp.accounts.links import codes, password_links
from webapp.accounts.links import service as links
from webapp.accounts.models import Purpose, Role, User
from webapp.accounts.sign_ins import service as sign_ins
from webapp.context import Parts
from webapp.errors import Failure
from webapp.profile import address
from webapp.profile import service as profile

HOUR = timedelta(hours=1)
OF_ACTIVE = (Purpose.RESET, Purpose.CONFIRM_ADDRESS, Purpose.RESTORE_ADDRESS)
NEW = "new@example.com"


class Ends(NamedTuple):
    """A change, and what goes on working after it."""

    change: str
    alive: set[Purpose]


ACTIVE = [
    Ends("nothing", set(OF_ACTIVE)),
    Ends("renamed", set(OF_ACTIVE)),
    # The way back from a stolen account outlives what a thief would do first.
    Ends("password_changed", {Purpose.RESTORE_ADDRESS}),
    Ends("password_reset", {Purpose.RESTORE_ADDRESS}),
    Ends("address_changed", {Purpose.RESTORE_ADDRESS}),
    Ends("address_restored", set()),
    Ends("role_changed", {Purpose.CONFIRM_ADDRESS, Purpose.RESTORE_ADDRESS}),
    Ends("disabled", set()),
    Ends("disabled_and_enabled", set()),
    Ends("deleted", set()),
]
PENDING = [
    Ends("nothing", {Purpose.ACTIVATION}),
    Ends("renamed", {Purpose.ACTIVATION}),
    Ends("role_changed", {Purpose.ACTIVATION}),
    Ends("activated", set()),
    Ends("disabled", set()),
    Ends("disabled_and_enabled", set()),
    Ends("deleted", set()),
]


class Office:
    """Does to accounts what can be done to them."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        boss = add_person(parts.database, "boss@example.com", Role.ADMINISTRATOR)
        with parts.database.reading() as session:
            self.administrator = session.get_one(User, boss)

    def do(self, change: str, person: User) -> None:
        getattr(self, change)(person)

    def nothing(self, person: User) -> None:
        pass

    def renamed(self, person: User) -> None:
        with self.parts.database.writing() as session:
            users.rename(session, person.id, "Another", self.administrator)

    def password_changed(self, person: User) -> None:
        with self.parts.database.writing() as session:
            here, _token = sign_ins.start(session, person, CLIENT)
        profile.change_password(
            self.parts.database, self.parts.queue, person, PASSWORD, "another one 8", here, CLIENT, False
        )

    def password_reset(self, person: User) -> None:
        with self.parts.database.writing() as session:
            secret = links.mint(session, person, Purpose.RESET, clock.now() + HOUR)
            password_links.reset_password(session, self.parts.queue, secret, "a hash")

    def address_changed(self, person: User) -> None:
        with self.parts.database.writing() as session:
            secret = links.mint(session, person, Purpose.CONFIRM_ADDRESS, clock.now() + HOUR, "other@example.com")
            address.confirm(session, self.parts.queue, secret)

    def address_restored(self, person: User) -> None:
        with self.parts.database.writing() as session:
            secret = links.mint(session, person, Purpose.RESTORE_ADDRESS, clock.now() + HOUR, "old@example.com")
            address.restore(session, secret)

    def role_changed(self, person: User) -> None:
        with self.parts.database.writing() as session:
            users.change_role(session, person.id, Role.ADMINISTRATOR, self.administrator)

    def activated(self, person: User) -> None:
        with self.parts.database.writing() as session:
            secret = links.mint(session, person, Purpose.ACTIVATION, clock.now() + HOUR)
            password_links.activate(session, self.parts.queue, secret, "a hash")

    def disabled(self, person: User) -> None:
        with self.parts.database.writing() as session:
            users.disable(session, person.id, self.administrator)

    def disabled_and_enabled(self, person: User) -> None:
        self.disabled(person)
        with self.parts.database.writing() as session:
            users.enable(session, person.id, self.administrator)

    def deleted(self, person: User) -> None:
        with self.parts.database.writing() as session:
            users.delete(session, person.id, self.administrator)


def alive_after(parts: Parts, person: User, change: str, *purposes: Purpose) -> tuple[set[Purpose], set[Purpose]]:
    """The purposes of which the link, and of which the code, still works after a change."""
    office = Office(parts)
    with parts.database.writing() as session:
        made = {p: codes.mint(session, parts.sealer, person, p, clock.now() + 2 * HOUR, NEW) for p in purposes}
    office.do(change, person)
    by_code = {p for p, ticket in made.items() if ticket.code and works(parts, p, of_code(parts, person, p, ticket))}
    return {p for p, ticket in made.items() if works(parts, p, ticket.secret)}, by_code


def of_code(parts: Parts, person: User, purpose: Purpose, ticket: codes.Ticket) -> str:
    """The secret that a typed code gives, empty if it gives none."""
    with parts.database.writing() as session:
        opened = codes.redeem_own(session, parts.sealer, person, purpose, codes.read(ticket.code), CLIENT)
        return opened.secret if opened else ""


def works(parts: Parts, purpose: Purpose, secret: str) -> bool:
    """Whether the page behind the link offers what it is for."""
    look = password_links.owner if purpose in codes.BESIDE_AN_ADDRESS else address.offered
    try:
        with parts.database.reading() as session:
            look(session, secret, purpose)
    except Failure:
        return False
    return True


@pytest.mark.parametrize("ends", ACTIVE, ids=lambda ends: ends.change)
def test_of_an_active_persons_links_these_live_on(parts: Parts, ada: User, ends: Ends) -> None:
    assert alive_after(parts, ada, ends.change, *OF_ACTIVE) == (ends.alive, ends.alive - set(codes.WITHOUT))


@pytest.mark.parametrize("ends", PENDING, ids=lambda ends: ends.change)
def test_of_a_pending_persons_links_these_live_on(parts: Parts, pat: User, ends: Ends) -> None:
    assert alive_after(parts, pat, ends.change, Purpose.ACTIVATION) == (ends.alive, ends.alive)
