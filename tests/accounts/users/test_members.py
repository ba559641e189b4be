"""What applications do to accounts: members only, and no mailbox is flooded."""

from functools import partial

import pytest

from tests.accounts.conftest import CLIENT, Queued, run_at_once
from tests.support.users import add_user
from webapp.accounts.links import codes
from webapp.accounts.links import service as links
from webapp.accounts.links.errors import LinkRevoked
from webapp.accounts.models import LinkPurpose, Role, User, UserState
from webapp.accounts.users import administration, members
from webapp.accounts.users.members import (
    Activation,
    Deliver,
    Found,
    InvalidPerson,
    IsAdministrator,
    Outcome,
    read_person,
)
from webapp.audit.models import AuditEntry
from webapp.core.app_state import AppState
from webapp.core.errors import TooManyRequests

PAT = read_person("Pat@Example.com", "Pat Smith", "de")


def create(state: AppState, deliver: Deliver = Deliver.MAIL, email: str = "Pat@Example.com") -> Found:
    with state.database.transaction() as session:
        return members.create_or_find(session, state.sealer, read_person(email, "Pat Smith", "de"), deliver)


@pytest.mark.one_database
def test_a_member_is_created_with_an_activation_email(state: AppState, queued: Queued) -> None:
    found = create(state)
    assert (found.created, found.activation, found.link) == (True, Activation.QUEUED, None)
    user = found.user
    assert (user.email, user.name, user.language) == ("Pat@example.com", "Pat Smith", "de")
    assert (user.role, user.state) == (Role.MEMBER, UserState.PENDING)
    assert queued() == [("activation", "Pat@example.com")]


def test_of_two_at_once_one_creates_the_user_and_the_other_finds_them(state: AppState, queued: Queued) -> None:
    found = run_at_once([partial(create, state, email=email) for email in ("pat@example.com", "PAT@example.com") * 3])
    assert all(isinstance(one, Found) for one in found), found
    assert sorted(one.created for one in found if isinstance(one, Found)) == [False] * 5 + [True]
    assert len({one.user.id for one in found if isinstance(one, Found)}) == len(queued()) == 1


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("user_state", "expected"),
    [
        (UserState.PENDING, Activation.QUEUED),
        (UserState.ACTIVE, Activation.ACTIVE),
        (UserState.DISABLED, Activation.DISABLED),
    ],
)
def test_a_member_who_is_found_stays_as_they_are(user_state: UserState, expected: Activation, state: AppState) -> None:
    user_id = add_user(state.database, "pat@example.com", state=user_state, name="Patricia")
    found = create(state)
    assert (found.user.id, found.created, found.activation) == (user_id, False, expected)
    assert (found.user.name, found.user.language, found.user.state) == ("Patricia", None, user_state)


@pytest.mark.one_database
def test_a_link_instead_of_an_email_is_returned_and_recorded(state: AppState, queued: Queued) -> None:
    found = create(state, Deliver.LINK)
    assert (found.activation, queued()) == (Activation.LINK, [])
    assert found.link is not None
    assert found.link.secret not in repr(found)
    with state.database.read() as session:
        events = {entry.event for entry in session.query(AuditEntry)}
    assert events >= {"user.created", "activation.link_shown"}


@pytest.mark.one_database
def test_deleting_and_creating_an_account_again_does_not_flood_its_address(state: AppState, queued: Queued) -> None:
    for expected in (Activation.QUEUED, Activation.TOO_SOON, Activation.TOO_SOON):
        found = create(state)
        assert found.activation == expected
        with state.database.transaction() as session:
            administration.delete(session, found.user.id, None)
    with state.database.transaction() as session:
        results = members.create_all(session, [PAT], Deliver.MAIL)
    assert [(one.outcome, one.activation) for one in results] == [(Outcome.CREATED, Activation.TOO_SOON)]
    assert queued() == []


@pytest.mark.one_database
@pytest.mark.parametrize("deliver", [Deliver.MAIL, Deliver.LINK])
def test_a_person_gets_one_email_about_a_reset_in_five_minutes(
    deliver: Deliver, state: AppState, ada: User, queued: Queued
) -> None:
    with state.database.transaction() as session:
        members.request_reset(session, state.sealer, members.lock(session, ada.id), deliver)
    with pytest.raises(TooManyRequests), state.database.transaction() as session:
        members.request_reset(session, state.sealer, members.lock(session, ada.id), Deliver.LINK)
    assert len(queued()) == 1


@pytest.mark.one_database
def test_a_link_that_an_application_has_does_not_make_it_an_administrator(state: AppState) -> None:
    found = create(state, Deliver.LINK)
    assert found.link is not None
    code = found.link.code.replace("-", "")
    with state.database.transaction() as session:
        copy = codes.redeem(session, state.sealer, found.user.email, codes.WITH_ADDRESS, code, CLIENT)
        assert copy is not None
        administration.change_role(session, found.user.id, Role.ADMINISTRATOR, None)
    for secret in (found.link.secret, copy.secret):
        with state.database.read() as session, pytest.raises(LinkRevoked):
            links.check(links.find(session, secret, LinkPurpose.ACTIVATION))


@pytest.mark.one_database
def test_administrators_are_left_alone(state: AppState, queued: Queued) -> None:
    user_id = add_user(state.database, "root@example.com", Role.ADMINISTRATOR)
    with state.database.transaction() as session:
        for act in (members.lock, members.get):
            with pytest.raises(IsAdministrator):
                act(session, user_id)
    with pytest.raises(IsAdministrator):
        create(state, email="ROOT@example.com")
    with state.database.transaction() as session:
        results = members.create_all(session, [read_person("root@example.com")], Deliver.MAIL)
    assert results == [(Outcome.ADMINISTRATOR, None, Activation.NONE)]
    assert queued() == []


@pytest.mark.parametrize("deliver", [Deliver.MAIL, Deliver.NONE])
def test_many_are_created_in_their_order(deliver: Deliver, state: AppState, queued: Queued) -> None:
    pat = add_user(state.database, "pat@example.com")
    emails = ["eve@example.com", "pat@example.com", "EVE@example.com", "abe@example.com"]
    with state.database.transaction() as session:
        results = members.create_all(session, [read_person(email) for email in emails], deliver)
    outcomes = [Outcome.CREATED, Outcome.EXISTING, Outcome.DUPLICATE, Outcome.CREATED]
    assert [one.outcome for one in results] == outcomes
    assert (results[1].user_id, results[0].user_id) == (pat, results[2].user_id)
    mailed = [("activation", "abe@example.com"), ("activation", "eve@example.com")]
    assert sorted(queued()) == (mailed if deliver == Deliver.MAIL else [])


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("values", "field"),
    [
        (("pat",), "email"),
        (("pat@example.com\r\nBcc: eve@example.com",), "email"),
        (("pat@example.com", "Pat\r\nBcc: eve@example.com"), "name"),
        (("pat@example.com", "Win now at evil.example"), "name"),
        (("pat@example.com", "P" * 201), "name"),
        (("pat@example.com", "Pat", "xx"), "language"),
    ],
)
def test_bad_values_are_refused_by_the_field(values: tuple[str, ...], field: str, app_context: None) -> None:
    with pytest.raises(InvalidPerson) as refused:
        read_person(*values)
    assert refused.value.field == field
