"""The language of emails, and of what people choose for themselves."""

from datetime import timedelta

import pytest

from tests.accounts.conftest import NEW_PASSWORD, Deliver, NewLink
from tests.support.browser import PASSWORD, Browser
from tests.support.inbox import Inbox
from tests.support.users import add_user
from webapp.accounts.links.service import PATHS
from webapp.accounts.models import LinkPurpose, User, UserState
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.outbox import service as outbox

pytestmark = pytest.mark.one_database


def set_language(database: Database, user: User, code: str | None) -> None:
    """Set a user's own language."""
    with database.transaction() as session:
        session.get_one(User, user.id).language = code


def test_the_page_after_choosing_a_language_is_in_it(member: Browser, database: Database) -> None:
    page = member.submit("/profile", language="ar")
    assert (member.user.language, page.headers["Content-Language"]) == ("ar", "ar")
    page = member.submit("/profile", language="")
    assert (member.user.language, page.headers["Content-Language"]) == (None, "en")


@pytest.mark.parametrize("code", ["xx", "<b>", "x" * 3000, "de\0"])
def test_an_unknown_language_is_rejected_beside_its_field(member: Browser, code: str) -> None:
    page = member.post("/profile/language", language=code)
    assert page.status_code == 200
    assert 'class="error" id="language-error"' in page.text
    assert member.user.language is None


def test_the_activation_email_is_in_the_language_that_the_administrator_chose(
    administrator: Browser, inbox: Inbox, deliver: Deliver
) -> None:
    administrator.submit("/users/new", email="eve@people.example", name="Eve", language="de", send_activation="mail")
    deliver()
    assert inbox.messages[0]["Content-Language"] == "de"


@pytest.mark.parametrize(("before", "after"), [(None, "uk"), ("fr", "fr")])
def test_activating_an_account_keeps_the_language_of_the_page_if_none_was_chosen(
    stranger: Browser, state: AppState, inbox: Inbox, deliver: Deliver, before: str | None, after: str
) -> None:
    eve = Browser(stranger.app, add_user(state.database, "eve@people.example", state=UserState.PENDING))
    set_language(state.database, eve.user, before)
    with state.database.transaction() as session:
        expires_at = clock.now() + timedelta(hours=1)
        outbox.enqueue(session, "activation", eve.user.email, user_id=eve.user.id, expires_at=expires_at)
    deliver()
    eve.post("/language", language="uk")
    eve.get(inbox.messages[0].link)
    eve.submit("/activate", password=PASSWORD, password_confirm=PASSWORD)
    deliver()
    assert eve.user.language == after
    assert inbox.messages[1]["Content-Language"] == after


@pytest.mark.parametrize("purpose", [LinkPurpose.ACTIVATION, LinkPurpose.RESET, LinkPurpose.CONFIRM_ADDRESS])
def test_the_page_of_a_link_is_in_the_language_of_its_account_unless_the_reader_chose_one(
    stranger: Browser, ada: User, pat: User, database: Database, new_link: NewLink, purpose: LinkPurpose
) -> None:
    user = pat if purpose == LinkPurpose.ACTIVATION else ada
    set_language(database, user, "ar")
    link = PATHS[purpose] + new_link(user, purpose)
    assert '<html lang="ar"' in stranger.get(link).text
    assert '<html lang="en"' in stranger.get("/login").text
    stranger.post("/language", language="fr")
    assert '<html lang="fr"' in stranger.get(link).text


def test_a_link_that_has_ended_says_so_in_the_language_of_its_account(
    stranger: Browser, ada: User, database: Database, new_link: NewLink
) -> None:
    set_language(database, ada, "de")
    stranger.get(PATHS[LinkPurpose.RESET] + new_link(ada, LinkPurpose.RESET))
    page = stranger.submit("/reset-password", password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
    assert '<html lang="en"' in page.text
    assert "Your password has been changed" in page.text
    page = stranger.get(PATHS[LinkPurpose.RESET] + new_link(ada, LinkPurpose.RESET, timedelta(hours=-1)))
    assert ('<html lang="de"' in page.text, page.status_code) == (True, 410)


def test_each_email_is_in_the_language_of_its_recipient(
    member: Browser, administrator: Browser, state: AppState, inbox: Inbox, deliver: Deliver
) -> None:
    set_language(state.database, member.user, "ar")
    set_language(state.database, administrator.user, "de")
    with state.database.transaction() as session:
        for person in (member, administrator):
            outbox.enqueue(session, "activated", person.user.email, user_id=person.user.id)
    deliver()
    assert [email["Content-Language"] for email in inbox.messages] == ["ar", "de"]
    assert '<html lang="ar" dir="rtl">' in inbox.messages[0].html


def test_a_test_email_is_in_the_language_of_the_administrator(
    administrator: Browser, database: Database, inbox: Inbox
) -> None:
    set_language(database, administrator.user, "fr")
    administrator.submit("/settings/mail", "test", test_recipient="eve@people.example")
    assert inbox.messages[0]["Content-Language"] == "fr"
