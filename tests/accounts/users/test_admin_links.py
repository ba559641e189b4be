"""One-time links that administrators pass on when email does not arrive."""

import re

import pytest
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from tests.accounts.conftest import NEW_PASSWORD, Deliver, Queued
from tests.support.browser import Browser
from tests.support.inbox import Inbox
from tests.support.users import add_user
from webapp.accounts import audit_events, throttles
from webapp.accounts.models import Link, User, UserState
from webapp.audit.models import AuditEntry
from webapp.core import clock
from webapp.core.database import Database

pytestmark = pytest.mark.one_database


def create_link(administrator: Browser, user: User) -> TestResponse:
    """Press the button on the confirmation page."""
    return administrator.submit(f"/users/{user.id}/link", "sure")


def link_on(page: TestResponse) -> str:
    found = re.search(r'id="link" value="(https://mailroom.example/[\w/-]+)"', page.text)
    assert found, page.text
    return found[1]


def count_links(database: Database) -> int:
    with database.read() as session:
        return len(session.scalars(select(Link)).all())


def test_the_page_first_says_what_the_link_can_be_used_for(
    administrator: Browser, database: Database, ada: User
) -> None:
    assert f'href="/users/{ada.id}/link"' in administrator.get(f"/users/{ada.id}").text
    assert "choose a new password for this account" in administrator.get(f"/users/{ada.id}/link").text
    assert count_links(database) == 0


class TestUsing:
    """What the page offers works."""

    def test_the_link_sets_a_new_password(self, administrator: Browser, stranger: Browser, ada: User) -> None:
        page = stranger.get(link_on(create_link(administrator, ada)))
        page = stranger.submit_on(page, password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
        assert "Your password has been changed" in page.text

    def test_the_code_does_the_same(self, administrator: Browser, stranger: Browser, ada: User) -> None:
        code = re.search(r'id="code" value="([\w-]{9})"', create_link(administrator, ada).text)
        assert code is not None
        assert stranger.submit("/code", email=ada.email, code=code[1]).request.path == "/reset-password"

    def test_the_qr_code_is_dark_on_white(self, administrator: Browser, ada: User) -> None:
        page = create_link(administrator, ada)
        image = re.search(r'<img class="qr[^"]*" src="(data:image/svg[^"]+)" alt="[^"]+"', page.text)
        assert image is not None
        assert "%23fff" in image[1]

    def test_a_pending_user_gets_an_activation_link_and_no_email(
        self, administrator: Browser, pat: User, queued: Queued
    ) -> None:
        assert "activate this account" in administrator.get(f"/users/{pat.id}/link").text
        assert "/activate/" in link_on(create_link(administrator, pat))
        assert queued() == []


class TestShowingOnce:
    """The link is on one page, for the session that created it."""

    def test_reloading_the_page_does_not_show_it_again(
        self, administrator: Browser, database: Database, ada: User
    ) -> None:
        page = create_link(administrator, ada)
        assert page.headers["Cache-Control"] == "no-store"
        again = administrator.get(page.request.path)
        assert (again.request.path, "shown only once" in again.text) == (f"/users/{ada.id}", True)
        assert "/reset-password/" not in again.text
        assert count_links(database) == 1

    def test_sending_an_old_cookie_does_not_show_it_again(self, administrator: Browser, ada: User) -> None:
        path = administrator.post(f"/users/{ada.id}/link", follow=False).location
        before = administrator.client.get_cookie("mailroom")
        assert before is not None
        assert link_on(administrator.get(path))
        administrator.client.set_cookie("mailroom", before.value)
        assert "shown only once" in administrator.get(path).text

    def test_the_cookie_does_not_hold_it_in_plain_text(self, administrator: Browser, ada: User) -> None:
        path = administrator.post(f"/users/{ada.id}/link", follow=False).location
        with administrator.client.session_transaction() as cookie:
            before = dict(cookie)
        secret = link_on(administrator.get(path)).rpartition("/")[2]
        assert before["shown_link"]
        assert secret not in str(before)

    def test_another_session_does_not_see_it(self, administrator: Browser, ada: User) -> None:
        administrator.post(f"/users/{ada.id}/link", follow=False)
        administrator.start_session()
        assert "shown only once" in administrator.get(f"/users/{ada.id}/link/shown").text

    @pytest.mark.parametrize("column", ["used_at", "revoked_at", "expires_at"])
    def test_a_link_that_is_no_longer_valid_is_not_shown(
        self, administrator: Browser, database: Database, ada: User, column: str
    ) -> None:
        path = administrator.post(f"/users/{ada.id}/link", follow=False).location
        with database.transaction() as session:
            session.execute(update(Link).values({column: clock.now()}))
        assert "shown only once" in administrator.get(path).text


class TestTellingOthers:
    """The user and the other administrators can find out."""

    def test_the_user_gets_an_email_without_the_link(
        self, administrator: Browser, ada: User, queued: Queued, deliver: Deliver, inbox: Inbox
    ) -> None:
        secret = link_on(create_link(administrator, ada)).rpartition("/")[2]
        assert queued() == [("admin_link_created", ada.email)]
        deliver()
        assert "An administrator created a one-time link" in inbox.last.text
        assert secret not in inbox.last.text + inbox.last.html

    def test_the_audit_trail_says_who_created_it(self, administrator: Browser, database: Database, ada: User) -> None:
        create_link(administrator, ada)
        with database.read() as session:
            entry = session.scalars(
                select(AuditEntry).where(AuditEntry.event == audit_events.RESET_LINK_SHOWN.key)
            ).one()
        assert (entry.actor_id, entry.subject_id) == (administrator.user.id, ada.id)


class TestRefusing:
    """Links that are not created."""

    def test_for_oneself(self, administrator: Browser, database: Database) -> None:
        own = administrator.user
        assert "/link" not in administrator.get(f"/users/{own.id}").text
        for page in (administrator.get(f"/users/{own.id}/link"), administrator.post(f"/users/{own.id}/link")):
            assert "your own account" in page.text
        assert count_links(database) == 0

    def test_for_a_disabled_user(self, administrator: Browser, database: Database) -> None:
        user_id = add_user(database, "off@example.com", state=UserState.DISABLED)
        page = administrator.post(f"/users/{user_id}/link")
        assert (page.status_code, "account is disabled" in page.text) == (409, True)
        assert count_links(database) == 0

    def test_more_than_twenty_an_hour(self, administrator: Browser, ada: User) -> None:
        limit = throttles.ADMIN_LINKS_BY_ADMINISTRATOR.times
        pages = [administrator.post(f"/users/{ada.id}/link") for _ in range(limit + 1)]
        assert (pages[-2].status_code, pages[-1].status_code) == (200, 429)
