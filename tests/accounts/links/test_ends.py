"""What ends which link: every purpose against every change of an account."""

from datetime import timedelta
from typing import NamedTuple

import pytest

from tests.accounts.conftest import CLIENT
from tests.support.browser import PASSWORD
from tests.support.people import add_person
from webapp.accounts.address_changes import service as address
from webapp.accounts.links import codes
from webapp.accounts.links import service as links
from webapp.accounts.models import LinkPurpose, Role, User
from webapp.accounts.password_links import service as password_links
from webapp.accounts.profile import service as profile
from webapp.accounts.sessions import service as sign_ins
from webapp.accounts.users import administration
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.errors import MailroomError

HOUR = timedelta(hours=1)
OF_ACTIVE = (LinkPurpose.RESET, LinkPurpose.CONFIRM_ADDRESS, LinkPurpose.RESTORE_ADDRESS)
NEW = "new@example.com"


class Ends(NamedTuple):
    """A change, and what goes on working after it."""

    change: str
    alive: set[LinkPurpose]


ACTIVE = [
    Ends("nothing", set(OF_ACTIVE)),
    Ends("renamed", set(OF_ACTIVE)),
    # The way back from a stolen account outlives what a thief would do first.
    Ends("password_changed", {LinkPurpose.RESTORE_ADDRESS}),
    Ends("password_reset", {LinkPurpose.RESTORE_ADDRESS}),
    Ends("address_changed", {LinkPurpose.RESTORE_ADDRESS}),
    Ends("address_restored", set()),
    Ends("role_changed", {LinkPurpose.CONFIRM_ADDRESS, LinkPurpose.RESTORE_ADDRESS}),
    Ends("disabled", set()),
    Ends("disabled_and_enabled", set()),
    Ends("deleted", set()),
]
PENDING = [
    Ends("nothing", {LinkPurpose.ACTIVATION}),
    Ends("renamed", {LinkPurpose.ACTIVATION}),
    Ends("role_changed", {LinkPurpose.ACTIVATION}),
    Ends("activated", set()),
    Ends("disabled", set()),
    Ends("disabled_and_enabled", set()),
    Ends("deleted", set()),
]


class Office:
    """Does to accounts what can be done to them."""

    def __init__(self, parts: AppState) -> None:
        self.parts = parts
        boss = add_person(parts.database, "boss@example.com", Role.ADMINISTRATOR)
        with parts.database.read() as session:
            self.administrator = session.get_one(User, boss)

    def do(self, change: str, person: User) -> None:
        getattr(self, change)(person)

    def nothing(self, person: User) -> None:
        pass

    def renamed(self, person: User) -> None:
        with self.parts.database.transaction() as session:
            administration.rename(session, person.id, "Another", self.administrator)

    def password_changed(self, person: User) -> None:
        with self.parts.database.transaction() as session:
            here, _token = sign_ins.start(session, person, CLIENT)
        profile.change_password(self.parts.database, person, PASSWORD, "another one 8", here, CLIENT)

    def password_reset(self, person: User) -> None:
        with self.parts.database.transaction() as session:
            secret = links.create(session, person, LinkPurpose.RESET, clock.now() + HOUR)
            password_links.complete_reset(session, secret, "a hash")

    def address_changed(self, person: User) -> None:
        with self.parts.database.transaction() as session:
            secret = links.create(session, person, LinkPurpose.CONFIRM_ADDRESS, clock.now() + HOUR, "other@example.com")
            address.confirm(session, secret)

    def address_restored(self, person: User) -> None:
        with self.parts.database.transaction() as session:
            secret = links.create(session, person, LinkPurpose.RESTORE_ADDRESS, clock.now() + HOUR, "old@example.com")
            address.restore(session, secret)

    def role_changed(self, person: User) -> None:
        with self.parts.database.transaction() as session:
            administration.change_role(session, person.id, Role.ADMINISTRATOR, self.administrator)

    def activated(self, person: User) -> None:
        with self.parts.database.transaction() as session:
            secret = links.create(session, person, LinkPurpose.ACTIVATION, clock.now() + HOUR)
            password_links.activate(session, secret, "a hash")

    def disabled(self, person: User) -> None:
        with self.parts.database.transaction() as session:
            administration.disable(session, person.id, self.administrator)

    def disabled_and_enabled(self, person: User) -> None:
        self.disabled(person)
        with self.parts.database.transaction() as session:
            administration.enable(session, person.id, self.administrator)

    def deleted(self, person: User) -> None:
        with self.parts.database.transaction() as session:
            administration.delete(session, person.id, self.administrator)


def alive_after(
    parts: AppState, person: User, change: str, *purposes: LinkPurpose
) -> tuple[set[LinkPurpose], set[LinkPurpose]]:
    """The purposes of which the link, and of which the code, still works after a change."""
    office = Office(parts)
    with parts.database.transaction() as session:
        made = {p: codes.issue(session, parts.sealer, person, p, clock.now() + 2 * HOUR, NEW) for p in purposes}
    office.do(change, person)
    by_code = {p for p, ticket in made.items() if ticket.code and works(parts, p, of_code(parts, person, p, ticket))}
    return {p for p, ticket in made.items() if works(parts, p, ticket.secret)}, by_code


def of_code(parts: AppState, person: User, purpose: LinkPurpose, ticket: codes.IssuedLink) -> str:
    """The secret that a typed code gives, empty if it gives none."""
    with parts.database.transaction() as session:
        opened = codes.redeem(session, parts.sealer, person, purpose, codes.normalise(ticket.code), CLIENT)
        return opened.secret if opened else ""


def works(parts: AppState, purpose: LinkPurpose, secret: str) -> bool:
    """Whether the page behind the link offers what it is for."""
    look = password_links.find_user if purpose in codes.WITH_ADDRESS else address.link_effect
    try:
        with parts.database.read() as session:
            look(session, secret, purpose)
    except MailroomError:
        return False
    return True


@pytest.mark.parametrize("ends", ACTIVE, ids=lambda ends: ends.change)
def test_of_an_active_persons_links_these_live_on(parts: AppState, ada: User, ends: Ends) -> None:
    assert alive_after(parts, ada, ends.change, *OF_ACTIVE) == (ends.alive, ends.alive - set(codes.WITHOUT_CODE))


@pytest.mark.parametrize("ends", PENDING, ids=lambda ends: ends.change)
def test_of_a_pending_persons_links_these_live_on(parts: AppState, pat: User, ends: Ends) -> None:
    assert alive_after(parts, pat, ends.change, LinkPurpose.ACTIVATION) == (ends.alive, ends.alive)
