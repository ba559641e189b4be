"""Which links and codes stay valid: every purpose against every change of an account."""

from datetime import timedelta
from typing import NamedTuple

import pytest

from tests.accounts.conftest import CLIENT
from tests.support.browser import PASSWORD
from tests.support.users import add_user
from webapp.accounts.address_changes import service as address
from webapp.accounts.links import codes
from webapp.accounts.links import service as links
from webapp.accounts.models import LinkPurpose, Role, User
from webapp.accounts.password_links import service as password_links
from webapp.accounts.profile import service as profile
from webapp.accounts.sessions import service as sessions
from webapp.accounts.users import administration
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.errors import MailroomError

pytestmark = pytest.mark.one_database

HOUR = timedelta(hours=1)
OF_ACTIVE = (LinkPurpose.RESET, LinkPurpose.CONFIRM_ADDRESS, LinkPurpose.RESTORE_ADDRESS)
NEW = "new@example.com"


class Change(NamedTuple):
    """A change of an account, and the purposes whose links stay valid."""

    name: str
    valid: set[LinkPurpose]


ACTIVE = [
    Change("nothing", set(OF_ACTIVE)),
    Change("renamed", set(OF_ACTIVE)),
    # The way back to a stolen account must outlive what a thief would do first.
    Change("password_changed", {LinkPurpose.RESTORE_ADDRESS}),
    Change("password_reset", {LinkPurpose.RESTORE_ADDRESS}),
    Change("address_changed", {LinkPurpose.RESTORE_ADDRESS}),
    Change("address_restored", set()),
    Change("role_changed", {LinkPurpose.CONFIRM_ADDRESS, LinkPurpose.RESTORE_ADDRESS}),
    Change("disabled", set()),
    Change("disabled_and_enabled", set()),
    Change("deleted", set()),
]
PENDING = [
    Change("nothing", {LinkPurpose.ACTIVATION}),
    Change("renamed", {LinkPurpose.ACTIVATION}),
    Change("role_changed", {LinkPurpose.ACTIVATION}),
    Change("activated", set()),
    Change("disabled", set()),
    Change("disabled_and_enabled", set()),
    Change("deleted", set()),
]


class Accounts:
    """Changes accounts in every possible way."""

    def __init__(self, state: AppState) -> None:
        self.state = state
        boss = add_user(state.database, "boss@example.com", Role.ADMINISTRATOR)
        with state.database.read() as session:
            self.administrator = session.get_one(User, boss)

    def change(self, name: str, user: User) -> None:
        getattr(self, name)(user)

    def nothing(self, user: User) -> None:
        pass

    def renamed(self, user: User) -> None:
        with self.state.database.transaction() as session:
            administration.rename(session, user.id, "Another", self.administrator)

    def password_changed(self, user: User) -> None:
        with self.state.database.transaction() as session:
            here, _token = sessions.start(session, user, CLIENT)
        profile.change_password(self.state.database, user, PASSWORD, "another one 8", here, CLIENT)

    def password_reset(self, user: User) -> None:
        with self.state.database.transaction() as session:
            secret = links.create(session, user, LinkPurpose.RESET, clock.now() + HOUR)
            password_links.complete_reset(session, secret, "a hash")

    def address_changed(self, user: User) -> None:
        with self.state.database.transaction() as session:
            secret = links.create(session, user, LinkPurpose.CONFIRM_ADDRESS, clock.now() + HOUR, "other@example.com")
            address.confirm(session, secret)

    def address_restored(self, user: User) -> None:
        with self.state.database.transaction() as session:
            secret = links.create(session, user, LinkPurpose.RESTORE_ADDRESS, clock.now() + HOUR, "old@example.com")
            address.restore(session, secret)

    def role_changed(self, user: User) -> None:
        with self.state.database.transaction() as session:
            administration.change_role(session, user.id, Role.ADMINISTRATOR, self.administrator)

    def activated(self, user: User) -> None:
        with self.state.database.transaction() as session:
            secret = links.create(session, user, LinkPurpose.ACTIVATION, clock.now() + HOUR)
            password_links.activate(session, secret, "a hash")

    def disabled(self, user: User) -> None:
        with self.state.database.transaction() as session:
            administration.disable(session, user.id, self.administrator)

    def disabled_and_enabled(self, user: User) -> None:
        self.disabled(user)
        with self.state.database.transaction() as session:
            administration.enable(session, user.id, self.administrator)

    def deleted(self, user: User) -> None:
        with self.state.database.transaction() as session:
            administration.delete(session, user.id, self.administrator)


def valid_after(
    state: AppState, user: User, change: str, *purposes: LinkPurpose
) -> tuple[set[LinkPurpose], set[LinkPurpose]]:
    """Return the purposes whose links, and whose codes, are valid after a change."""
    accounts = Accounts(state)
    with state.database.transaction() as session:
        made = {p: codes.issue(session, state.sealer, user, p, clock.now() + 2 * HOUR, NEW) for p in purposes}
    accounts.change(change, user)
    by_code = {
        p for p, issued in made.items() if issued.code and is_valid(state, p, secret_from_code(state, user, p, issued))
    }
    return {p for p, issued in made.items() if is_valid(state, p, issued.secret)}, by_code


def secret_from_code(state: AppState, user: User, purpose: LinkPurpose, issued: codes.IssuedLink) -> str:
    """Return the secret that a code gives, empty if none."""
    with state.database.transaction() as session:
        redeemed = codes.redeem(session, state.sealer, user.email, (purpose,), codes.normalise(issued.code), CLIENT)
        return redeemed.secret if redeemed else ""


def is_valid(state: AppState, purpose: LinkPurpose, secret: str) -> bool:
    """Return whether the page of the link offers what it is for."""
    look = password_links.find_user if purpose in codes.WITH_ADDRESS else address.link_effect
    try:
        with state.database.read() as session:
            look(session, secret, purpose)
    except MailroomError:
        return False
    return True


@pytest.mark.parametrize("change", ACTIVE, ids=lambda change: change.name)
def test_these_links_of_an_active_user_stay_valid(state: AppState, ada: User, change: Change) -> None:
    assert valid_after(state, ada, change.name, *OF_ACTIVE) == (change.valid, change.valid - set(codes.WITHOUT_CODE))


@pytest.mark.parametrize("change", PENDING, ids=lambda change: change.name)
def test_these_links_of_a_pending_user_stay_valid(state: AppState, pat: User, change: Change) -> None:
    assert valid_after(state, pat, change.name, LinkPurpose.ACTIVATION) == (change.valid, change.valid)
