"""What administrators do to accounts."""

from collections.abc import Callable
from functools import partial
from itertools import permutations

import pytest
from sqlalchemy import select, update

from tests.accounts.conftest import Deliver, NewLink, RequestChange, SignedIn, run_at_once
from tests.support.inbox import Inbox
from tests.support.users import add_user
from webapp.accounts import service
from webapp.accounts.links import service as links
from webapp.accounts.links.errors import LinkRefused
from webapp.accounts.models import Link, LinkPurpose, Role, Session, User, UserState
from webapp.accounts.password_links import service as password_links
from webapp.accounts.sessions import service as sessions
from webapp.accounts.users import administration
from webapp.accounts.users.administration import LastAdministrator, OwnAccount
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.core.errors import Forbidden, NotFound
from webapp.outbox.models import Message

Action = Callable[[Database, User, User], None]


@pytest.fixture
def root(database: Database) -> User:
    """An administrator."""
    return get_user(database, add_user(database, "root@example.com", Role.ADMINISTRATOR))


@pytest.fixture
def rita(database: Database) -> User:
    """Another administrator."""
    return get_user(database, add_user(database, "rita@example.com", Role.ADMINISTRATOR))


def get_user(database: Database, user_id: int) -> User:
    with database.read() as session:
        return service.get_user(session, user_id)


def disable(database: Database, whom: User, by: User) -> None:
    with database.transaction() as session:
        administration.disable(session, whom.id, by)


def delete(database: Database, whom: User, by: User) -> None:
    with database.transaction() as session:
        administration.delete(session, whom.id, by)


def demote(database: Database, whom: User, by: User) -> None:
    with database.transaction() as session:
        administration.change_role(session, whom.id, Role.MEMBER, by)


def enable(database: Database, whom: User, by: User) -> None:
    with database.transaction() as session:
        administration.enable(session, whom.id, by)


def count_rows(database: Database, model: type[Link] | type[Session] | type[Message]) -> int:
    with database.read() as session:
        return len(list(session.scalars(select(model))))


def link_state(database: Database, secret: str, purpose: LinkPurpose) -> str:
    with database.read() as session:
        try:
            links.check(links.find(session, secret, purpose))
        except LinkRefused as refused:
            return type(refused).__name__
    return "valid"


every_removal = pytest.mark.parametrize("action", [disable, delete, demote])


class TestDisabling:
    """Disabled accounts, and enabling them again."""

    def test_sessions_end_and_open_links_are_revoked(
        self, database: Database, root: User, ada: User, new_link: NewLink, signed_in: SignedIn
    ) -> None:
        secret, token = new_link(ada, LinkPurpose.RESET), signed_in(ada)
        disable(database, ada, root)
        enable(database, ada, root)
        assert link_state(database, secret, LinkPurpose.RESET) == "LinkRevoked"
        assert sessions.find(database, token) is None

    def test_a_pending_address_change_is_discarded(
        self,
        state: AppState,
        root: User,
        ada: User,
        request_change: RequestChange,
        deliver: Deliver,
        inbox: Inbox,
    ) -> None:
        request_change(ada, "new@example.com")
        disable(state.database, ada, root)
        enable(state.database, ada, root)
        deliver()
        assert inbox.messages == []

    @pytest.mark.parametrize("user_state", [UserState.ACTIVE, UserState.PENDING])
    def test_enabling_restores_the_previous_state(self, database: Database, root: User, user_state: UserState) -> None:
        eve = get_user(database, add_user(database, "eve@example.com", state=user_state))
        disable(database, eve, root)
        assert get_user(database, eve.id).state == UserState.DISABLED
        enable(database, eve, root)
        assert get_user(database, eve.id).state == user_state

    def test_enabling_revokes_a_link_created_while_the_account_was_disabled(
        self, database: Database, root: User, ada: User, new_link: NewLink
    ) -> None:
        disable(database, ada, root)
        secret = new_link(ada, LinkPurpose.RESET)
        enable(database, ada, root)
        assert link_state(database, secret, LinkPurpose.RESET) == "LinkRevoked"

    def test_enabling_an_enabled_account_changes_nothing(
        self, database: Database, root: User, ada: User, new_link: NewLink
    ) -> None:
        secret = new_link(ada, LinkPurpose.RESET)
        enable(database, ada, root)
        assert link_state(database, secret, LinkPurpose.RESET) == "valid"


def test_nobody_signed_in_may_do_all_but_remove_the_last_administrator(
    database: Database, root: User, rita: User
) -> None:
    with database.transaction() as session:
        administration.disable(session, rita.id, by=None)
    with pytest.raises(LastAdministrator), database.transaction() as session:
        administration.delete(session, root.id, by=None)


def test_deleting_removes_sessions_links_and_messages(
    state: AppState, root: User, pat: User, new_link: NewLink, signed_in: SignedIn
) -> None:
    new_link(pat, LinkPurpose.ACTIVATION)
    signed_in(pat)
    with state.database.transaction() as session:
        password_links.enqueue_activation(session, pat)
    delete(state.database, pat, root)
    assert [count_rows(state.database, model) for model in (Link, Session, Message)] == [0, 0, 0]
    with pytest.raises(NotFound):
        get_user(state.database, pat.id)


def test_only_another_role_ends_the_sessions(database: Database, root: User, rita: User, signed_in: SignedIn) -> None:
    signed_in(rita)
    with database.transaction() as session:
        administration.change_role(session, rita.id, Role.ADMINISTRATOR, root)
    assert count_rows(database, Session) == 1
    demote(database, rita, root)
    assert count_rows(database, Session) == 0
    assert get_user(database, rita.id).role == Role.MEMBER


class TestTheLastAdministrator:
    """At least one active administrator remains, and administrators don't lock themselves out."""

    @every_removal
    def test_pending_and_disabled_administrators_do_not_count(
        self, database: Database, root: User, action: Action
    ) -> None:
        for number, user_state in enumerate((UserState.PENDING, UserState.DISABLED)):
            add_user(database, f"other{number}@example.com", Role.ADMINISTRATOR, user_state)
        with pytest.raises(LastAdministrator):
            action(database, root, root)

    @every_removal
    def test_administrators_cannot_do_it_to_themselves(
        self, database: Database, root: User, rita: User, action: Action
    ) -> None:
        with pytest.raises(OwnAccount):
            action(database, root, root)

    @every_removal
    def test_a_former_administrator_cannot_remove_others(
        self, database: Database, root: User, rita: User, ada: User, action: Action
    ) -> None:
        demote(database, rita, root)
        with pytest.raises(Forbidden):
            action(database, ada, rita)

    @every_removal
    def test_of_two_who_remove_each_other_simultaneously_one_remains(
        self, database: Database, root: User, rita: User, action: Action
    ) -> None:
        for _round in range(5):
            results = run_at_once([lambda: action(database, root, rita), lambda: action(database, rita, root)])
            left = [one for one in (root, rita) if is_active_administrator(database, one)]
            assert (len(left), results.count(None)) == (1, 1)
            assert [type(result) for result in results if result is not None] == [LastAdministrator]
            if action is delete:
                break
            enable(database, root if left == [rita] else rita, left[0])
            with database.transaction() as session:
                for one in (root, rita):
                    administration.change_role(session, one.id, Role.ADMINISTRATOR, left[0])

    def test_many_simultaneous_demotions_cause_no_deadlock(self, database: Database, root: User, rita: User) -> None:
        more = [
            get_user(database, add_user(database, f"{name}@example.com", Role.ADMINISTRATOR))
            for name in ("rosa", "rudi")
        ]
        administrators = [root, rita, *more]
        for _round in range(16):
            results = run_at_once([partial(demote, database, one, by) for one, by in permutations(administrators, 2)])
            assert {type(result) for result in results} <= {type(None), LastAdministrator, Forbidden}
            with database.transaction() as session:
                session.execute(update(User).values(role=Role.ADMINISTRATOR))


def test_a_simultaneous_reset_does_not_block_disabling(
    state: AppState, root: User, ada: User, new_link: NewLink
) -> None:
    for _round in range(5):
        secret = new_link(ada, LinkPurpose.RESET)
        results = run_at_once([partial(disable, state.database, ada, root), partial(reset, state, secret)])
        assert results[0] is None
        assert get_user(state.database, ada.id).state == UserState.DISABLED
        assert results[1] is None or isinstance(results[1], LinkRefused)
        enable(state.database, ada, root)


def reset(state: AppState, secret: str) -> None:
    with state.database.transaction() as session:
        password_links.complete_reset(session, secret, "a hash")


def is_active_administrator(database: Database, whom: User) -> bool:
    try:
        found = get_user(database, whom.id)
    except NotFound:
        return False
    return (found.role, found.state) == (Role.ADMINISTRATOR, UserState.ACTIVE)
