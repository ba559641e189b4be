"""The administrators' page of one person."""

import pytest
from sqlalchemy import select

from tests.support.browser import PASSWORD, Browser
from tests.support.people import add_person
from webapp.accounts.models import Role, User, UserState
from webapp.core.database import Database

pytestmark = pytest.mark.one_database


def state(database: Database, person: User) -> tuple[str, str]:
    with database.read() as session:
        found = session.get(User, person.id)
        return (found.role, found.state) if found else ("", "")


def test_disabling_says_what_happens_and_asks_once(administrator: Browser, database: Database, ada: User) -> None:
    asked = administrator.get(f"/users/{ada.id}/disable")
    assert "signed out everywhere" in asked.text
    assert state(database, ada) == (Role.MEMBER, UserState.ACTIVE)
    page = administrator.submit_on(asked, "sure")
    assert page.request.path == f"/users/{ada.id}"
    assert state(database, ada) == (Role.MEMBER, UserState.DISABLED)


def test_a_disabled_person_is_enabled_with_a_button(administrator: Browser, database: Database, ada: User) -> None:
    administrator.submit(f"/users/{ada.id}/disable", "sure")
    assert f'action="/users/{ada.id}/enable"' in administrator.get(f"/users/{ada.id}").text
    assert "is enabled again" in administrator.post(f"/users/{ada.id}/enable").text
    assert state(database, ada) == (Role.MEMBER, UserState.ACTIVE)


def test_a_person_is_signed_out_everywhere_with_a_button(administrator: Browser, member: Browser) -> None:
    path = f"/users/{member.user.id}/sign-out"
    assert f'action="{path}"' in administrator.get(f"/users/{member.user.id}").text
    assert "is signed out everywhere" in administrator.post(path).text
    assert member.get("/profile", follow=False).location.startswith("/login")
    assert member.sign_in().request.path == "/"


def test_deleting_asks_once_and_leads_back_to_the_list(administrator: Browser, database: Database, ada: User) -> None:
    page = administrator.submit(f"/users/{ada.id}/delete", "sure")
    assert (page.request.path, "Ada has been deleted." in page.text) == ("/users", True)
    assert state(database, ada) == ("", "")
    assert administrator.post(f"/users/{ada.id}/delete").status_code == 404


def test_a_member_is_made_an_administrator(administrator: Browser, database: Database, ada: User) -> None:
    administrator.submit(f"/users/{ada.id}/role", role="administrator")
    assert state(database, ada) == (Role.ADMINISTRATOR, UserState.ACTIVE)


@pytest.mark.parametrize("role", ["owner", ""])
def test_a_role_that_does_not_exist_is_told(administrator: Browser, database: Database, ada: User, role: str) -> None:
    answer = administrator.submit(f"/users/{ada.id}/role", role=role)
    assert 'id="role-error"' in answer.text
    assert state(database, ada) == (Role.MEMBER, UserState.ACTIVE)


def test_the_name_is_changed_on_the_page(administrator: Browser, ada: User) -> None:
    page = administrator.submit(f"/users/{ada.id}", name="Augusta <b>King")
    assert (page.request.path, "Augusta &lt;b&gt;King" in page.text) == (f"/users/{ada.id}", True)


def test_a_name_that_is_none_is_told_beside_the_field(administrator: Browser, ada: User) -> None:
    answer = administrator.submit(f"/users/{ada.id}", name=" ")
    assert 'id="name-error">Enter a name.' in answer.text


def test_a_lock_is_shown_and_lifted_with_a_button(administrator: Browser, stranger: Browser, ada: User) -> None:
    assert "is locked until" not in administrator.get(f"/users/{ada.id}").text
    for _ in range(10):
        stranger.post("/login", email=ada.email, password="wrong")
    page = administrator.get(f"/users/{ada.id}")
    assert "is locked until" in page.text
    lifted = administrator.post(f"/users/{ada.id}/unlock")
    assert ("The lock is lifted." in lifted.text, "is locked until" in lifted.text) == (True, False)
    assert stranger.submit("/login", email=ada.email, password=PASSWORD).request.path == "/"


@pytest.mark.parametrize("act", ["disable", "delete", "role"])
class TestWhoMustStay:
    """The last administrator, and one's own account."""

    def test_the_last_administrator_is_told_and_stays(
        self, administrator: Browser, database: Database, act: str
    ) -> None:
        own = administrator.user
        for path in (f"/users/{own.id}", f"/users/{own.id}/{act}"):
            assert "last active administrator" in administrator.get(path).text
        answer = administrator.post(f"/users/{own.id}/{act}", role="member")
        assert (answer.status_code, "last active administrator" in answer.text) == (409, True)
        assert state(database, own) == (Role.ADMINISTRATOR, UserState.ACTIVE)

    def test_ones_own_account_is_for_another_administrator(
        self, administrator: Browser, database: Database, act: str
    ) -> None:
        add_person(database, "rita@example.com", Role.ADMINISTRATOR)
        answer = administrator.post(f"/users/{administrator.user.id}/{act}", role="member")
        assert (answer.status_code, "your own account" in answer.text) == (409, True)
        assert state(database, administrator.user) == (Role.ADMINISTRATOR, UserState.ACTIVE)


@pytest.mark.parametrize("page", ["new", "{id}/name", "{id}/sign-out", "{id}/enable", "{id}/unlock", "{id}/resend"])
def test_whoever_loses_the_rights_at_that_moment_changes_nothing(
    administrator: Browser, database: Database, ada: User, page: str
) -> None:
    form = {"email": "new@example.com", "name": "New", "role": "member", "send_activation": "mail", "language": ""}
    token, by = administrator.csrf_token(), administrator.user.id

    def demote() -> None:
        with database.transaction() as session:
            session.get_one(User, by).role = Role.MEMBER

    administrator.app.before_request_funcs[None].append(demote)
    answer = administrator.client.post(f"/users/{page}".format(id=ada.id), data={**form, "csrf_token": token})
    assert (answer.status_code, "not an administrator any more" in answer.text) == (403, True)
    with database.read() as session:
        assert set(session.scalars(select(User.name))) == {administrator.user.name, ada.name}
