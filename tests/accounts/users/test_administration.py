"""What administrators do to accounts, below the pages."""

from collections.abc import Callable
from functools import partial
from itertools import permutations

import pytest
from sqlalchemy import select, update

from tests.accounts.conftest import Ask, run_at_once
from tests.support.inbox import Inbox
from tests.support.people import add_person
from webapp.accounts import service
from webapp.accounts.links import service as links
from webapp.accounts.links.errors import LinkRefused
from webapp.accounts.models import Link, LinkPurpose, Role, Session, User, UserState
from webapp.accounts.password_links import service as password_links
from webapp.accounts.sessions import service as sign_ins
from webapp.accounts.users import administration
from webapp.accounts.users.administration import LastAdministrator, OwnAccount
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.core.errors import Forbidden, NotFound
from webapp.outbox.models import Message

NewLink = Callable[..., str]
SignedIn = Callable[[User], str]
Act = Callable[[Database, User, User], None]


@pytest.fixture
def root(database: Database) -> User:
    """An administrator."""
    return person(database, add_person(database, "root@example.com", Role.ADMINISTRATOR))


@pytest.fixture
def rita(database: Database) -> User:
    """Another administrator."""
    return person(database, add_person(database, "rita@example.com", Role.ADMINISTRATOR))


def person(database: Database, user_id: int) -> User:
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


def promote(database: Database, whom: User, by: User) -> None:
    with database.transaction() as session:
        administration.change_role(session, whom.id, Role.ADMINISTRATOR, by)


def enable(database: Database, whom: User, by: User) -> None:
    with database.transaction() as session:
        administration.enable(session, whom.id, by)


def rename(database: Database, whom: User, by: User) -> None:
    with database.transaction() as session:
        administration.rename(session, whom.id, "Another", by)


def unlock(database: Database, whom: User, by: User) -> None:
    with database.transaction() as session:
        administration.unlock(session, whom.id, by)


def rows(database: Database, model: type[Link] | type[Session] | type[Message]) -> int:
    with database.read() as session:
        return len(list(session.scalars(select(model))))


def link_state(database: Database, secret: str, purpose: LinkPurpose) -> str:
    with database.read() as session:
        try:
            links.check(links.find(session, secret, purpose))
        except LinkRefused as refused:
            return type(refused).__name__
    return "good"


every_act = pytest.mark.parametrize("act", [disable, delete, demote])


class TestDisabling:
    """Keeping somebody out, and letting them in again."""

    def test_a_disabled_person_is_signed_out_and_open_links_are_dead(
        self, database: Database, root: User, ada: User, new_link: NewLink, signed_in: SignedIn
    ) -> None:
        secret, token = new_link(ada, LinkPurpose.RESET), signed_in(ada)
        disable(database, ada, root)
        enable(database, ada, root)
        assert link_state(database, secret, LinkPurpose.RESET) == "LinkRevoked"
        assert sign_ins.find(database, token) is None

    def test_an_address_that_waited_is_forgotten(
        self, parts: AppState, root: User, ada: User, ask: Ask, deliver: Callable[[], None], inbox: Inbox
    ) -> None:
        ask(ada, "new@example.com")
        disable(parts.database, ada, root)
        enable(parts.database, ada, root)
        deliver()
        assert inbox.messages == []

    @pytest.mark.parametrize("state", [UserState.ACTIVE, UserState.PENDING])
    def test_enabling_gives_the_state_from_before(self, database: Database, root: User, state: UserState) -> None:
        eve = person(database, add_person(database, "eve@example.com", state=state))
        disable(database, eve, root)
        assert person(database, eve.id).state == UserState.DISABLED
        enable(database, eve, root)
        assert person(database, eve.id).state == state

    def test_enabling_kills_a_link_that_was_minted_while_the_account_was_disabled(
        self, database: Database, root: User, ada: User, new_link: NewLink
    ) -> None:
        disable(database, ada, root)
        secret = new_link(ada, LinkPurpose.RESET)
        enable(database, ada, root)
        assert link_state(database, secret, LinkPurpose.RESET) == "LinkRevoked"

    def test_enabling_whoever_is_not_disabled_changes_nothing(
        self, database: Database, root: User, ada: User, new_link: NewLink
    ) -> None:
        secret = new_link(ada, LinkPurpose.RESET)
        enable(database, ada, root)
        assert link_state(database, secret, LinkPurpose.RESET) == "good"


def test_deleting_takes_sign_ins_links_and_messages_along(
    parts: AppState, root: User, pat: User, new_link: NewLink, signed_in: SignedIn
) -> None:
    new_link(pat, LinkPurpose.ACTIVATION)
    signed_in(pat)
    with parts.database.transaction() as session:
        password_links.enqueue_activation(session, pat)
    delete(parts.database, pat, root)
    assert [rows(parts.database, model) for model in (Link, Session, Message)] == [0, 0, 0]
    with pytest.raises(NotFound):
        person(parts.database, pat.id)


def test_another_role_signs_the_person_out_and_the_same_role_does_not(
    database: Database, root: User, rita: User, signed_in: SignedIn
) -> None:
    signed_in(rita)
    with database.transaction() as session:
        administration.change_role(session, rita.id, Role.ADMINISTRATOR, root)
    assert rows(database, Session) == 1
    demote(database, rita, root)
    assert rows(database, Session) == 0
    assert person(database, rita.id).role == Role.MEMBER


def test_a_renamed_person_is_found_by_the_new_name(database: Database, root: User, ada: User) -> None:
    with database.transaction() as session:
        administration.rename(session, ada.id, "Augusta King", root)
    with database.read() as session:
        found, _more = administration.list_users(session, "augusta", None)
    assert [(one.name, one.email) for one in found] == [("Augusta King", ada.email)]


class TestTheLastAdministrator:
    """There is always somebody left, and nobody locks themselves out."""

    @every_act
    def test_cannot_be_taken_away(self, database: Database, root: User, ada: User, act: Act) -> None:
        with pytest.raises(LastAdministrator):
            act(database, root, root)
        assert person(database, root.id).role == Role.ADMINISTRATOR

    @every_act
    def test_is_one_who_can_sign_in(self, database: Database, root: User, act: Act) -> None:
        for number, state in enumerate((UserState.PENDING, UserState.DISABLED)):
            add_person(database, f"other{number}@example.com", Role.ADMINISTRATOR, state)
        with pytest.raises(LastAdministrator):
            act(database, root, root)

    @every_act
    def test_nobody_does_it_to_their_own_account(self, database: Database, root: User, rita: User, act: Act) -> None:
        with pytest.raises(OwnAccount):
            act(database, root, root)

    @every_act
    def test_whoever_lost_the_right_meanwhile_takes_nobody_elses(
        self, database: Database, root: User, rita: User, ada: User, act: Act
    ) -> None:
        demote(database, rita, root)
        with pytest.raises(Forbidden):
            act(database, ada, rita)

    @every_act
    def test_two_who_take_each_others_right_at_once_leave_one(
        self, database: Database, root: User, rita: User, act: Act
    ) -> None:
        for _round in range(5):
            ends = run_at_once([lambda: act(database, root, rita), lambda: act(database, rita, root)])
            left = [one for one in (root, rita) if is_active_administrator(database, one)]
            assert (len(left), ends.count(None)) == (1, 1)
            assert [type(end) for end in ends if end is not None] == [LastAdministrator]
            if act is delete:
                break
            enable(database, root if left == [rita] else rita, left[0])
            with database.transaction() as session:
                for one in (root, rita):
                    administration.change_role(session, one.id, Role.ADMINISTRATOR, left[0])

    def test_however_many_demote_each_other_at_once_none_waits_for_ever(
        self, database: Database, root: User, rita: User
    ) -> None:
        more = [
            person(database, add_person(database, f"{name}@example.com", Role.ADMINISTRATOR))
            for name in ("rosa", "rudi")
        ]
        everybody = [root, rita, *more]
        for _round in range(16):
            ends = run_at_once([partial(demote, database, one, by) for one, by in permutations(everybody, 2)])
            assert {type(end) for end in ends} <= {type(None), LastAdministrator, Forbidden}
            with database.transaction() as session:
                session.execute(update(User).values(role=Role.ADMINISTRATOR))

    def test_is_told_before_one_asks(self, database: Database, root: User, ada: User) -> None:
        with database.read() as session:
            told = [type(administration.reason_not_removable(session, whom, root)) for whom in (root, ada)]
        assert told == [LastAdministrator, type(None)]


def test_disabling_and_resetting_at_once_both_end(parts: AppState, root: User, ada: User, new_link: NewLink) -> None:
    for _round in range(5):
        secret = new_link(ada, LinkPurpose.RESET)
        ends = run_at_once([partial(disable, parts.database, ada, root), partial(reset, parts, secret)])
        assert ends[0] is None
        assert person(parts.database, ada.id).state == UserState.DISABLED
        assert ends[1] is None or isinstance(ends[1], password_links.REFUSED)
        enable(parts.database, ada, root)


def reset(parts: AppState, secret: str) -> None:
    with parts.database.transaction() as session:
        password_links.complete_reset(session, secret, "a hash")


@pytest.mark.parametrize("act", [promote, enable, rename, unlock])
def test_whoever_lost_the_rights_does_nothing_to_others(
    database: Database, root: User, rita: User, ada: User, act: Act
) -> None:
    demote(database, rita, root)
    with pytest.raises(Forbidden):
        act(database, ada, rita)
    kept = person(database, ada.id)
    assert (kept.role, kept.name) == (Role.MEMBER, ada.name)


def is_active_administrator(database: Database, whom: User) -> bool:
    try:
        found = person(database, whom.id)
    except NotFound:
        return False
    return (found.role, found.state) == (Role.ADMINISTRATOR, UserState.ACTIVE)
