"""Links that administrators hand over when mail does not arrive."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from tests.accounts.conftest import NEW_PASSWORD
from tests.support.browser import Browser
from tests.support.inbox import Inbox
from tests.support.people import add_person
from webapp.accounts import events, throttles
from webapp.accounts.models import Link, Role, User, UserState
from webapp.accounts.users import admin_links
from webapp.audit.models import AuditEntry
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.errors import Forbidden
from webapp.settings import service as settings

Queued = Callable[[], list[tuple[str, str]]]

pytestmark = pytest.mark.one_database


def hand_over(administrator: Browser, person: User) -> TestResponse:
    """Press the button on the page that asks."""
    return administrator.submit(f"/users/{person.id}/link", "sure")


def link_on(page: TestResponse) -> str:
    found = re.search(r'id="link" value="(https://mailroom.example/[\w/-]+)"', page.text)
    assert found, page.text
    return found[1]


def code_on(page: TestResponse) -> str:
    found = re.search(r'id="code" value="([\w-]{9})"', page.text)
    assert found, page.text
    return found[1]


def made(parts: AppState) -> int:
    with parts.database.read() as session:
        return len(session.scalars(select(Link)).all())


def test_it_asks_once_and_says_what_the_link_does(administrator: Browser, parts: AppState, ada: User) -> None:
    assert f'href="/users/{ada.id}/link"' in administrator.get(f"/users/{ada.id}").text
    page = administrator.get(f"/users/{ada.id}/link")
    assert "choose a new password for this account" in page.text
    assert made(parts) == 0


def test_a_new_password_is_chosen_with_the_link(administrator: Browser, stranger: Browser, ada: User) -> None:
    page = stranger.get(link_on(hand_over(administrator, ada)))
    page = stranger.submit_on(page, password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
    assert "Your password is changed" in page.text


def test_the_code_does_the_same(administrator: Browser, stranger: Browser, ada: User) -> None:
    code = code_on(hand_over(administrator, ada))
    assert stranger.submit("/code", email=ada.email, code=code).request.path == "/reset-password"


def test_the_picture_is_the_link_on_white_with_its_margin(administrator: Browser, ada: User) -> None:
    page = hand_over(administrator, ada)
    picture = re.search(r'<img class="qr-code" src="(data:image/svg[^"]+)" alt="[^"]+"', page.text)
    assert picture is not None
    assert "%23fff" in picture[1]


def test_the_page_is_shown_once(administrator: Browser, parts: AppState, ada: User) -> None:
    page = hand_over(administrator, ada)
    assert page.headers["Cache-Control"] == "no-store"
    again = administrator.get(page.request.path)
    assert (again.request.path, "shown once only" in again.text) == (f"/users/{ada.id}", True)
    assert "/reset-password/" not in again.text
    assert made(parts) == 1


def test_a_cookie_that_is_sent_again_shows_nothing(administrator: Browser, ada: User) -> None:
    path = administrator.post(f"/users/{ada.id}/link", follow=False).location
    before = administrator.client.get_cookie("mailroom")
    assert before is not None
    assert link_on(administrator.get(path))
    administrator.client.set_cookie("mailroom", before.value)
    assert "shown once only" in administrator.get(path).text


@pytest.mark.parametrize("end", ["used_at", "revoked_at", "expires_at"])
def test_a_link_that_is_good_for_nothing_is_not_shown(
    administrator: Browser, parts: AppState, ada: User, end: str
) -> None:
    path = administrator.post(f"/users/{ada.id}/link", follow=False).location
    with parts.database.transaction() as session:
        session.execute(update(Link).values({end: clock.now()}))
    assert "shown once only" in administrator.get(path).text


def test_the_way_to_the_page_holds_nothing_in_the_clear(administrator: Browser, ada: User) -> None:
    answer = administrator.post(f"/users/{ada.id}/link", follow=False)
    with administrator.client.session_transaction() as cookie:
        before = dict(cookie)
    secret = link_on(administrator.get(answer.location)).rpartition("/")[2]
    assert before["shown_link"]
    assert secret not in str(before)


def test_what_waits_is_shown_to_the_sign_in_that_asked_alone(
    administrator: Browser, parts: AppState, ada: User
) -> None:
    administrator.post(f"/users/{ada.id}/link", follow=False)
    administrator.let_in()
    assert "shown once only" in administrator.get(f"/users/{ada.id}/link/shown").text


def test_the_person_is_told_by_mail_without_the_link(
    administrator: Browser, ada: User, queued: Queued, deliver: Callable[[], None], inbox: Inbox
) -> None:
    link = link_on(hand_over(administrator, ada))
    assert queued() == [("admin_link_created", ada.email)]
    deliver()
    assert "An administrator made a one-time link" in inbox.last.text.replace("\n", " ")
    assert link.rpartition("/")[2] not in inbox.last.text + inbox.last.html


def test_the_trail_says_who_made_it(administrator: Browser, parts: AppState, ada: User) -> None:
    hand_over(administrator, ada)
    with parts.database.read() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.event == events.RESET_LINK_SHOWN.key)).one()
    assert (entry.actor_id, entry.subject_id) == (administrator.user.id, ada.id)


def test_a_pending_person_is_handed_an_activation_link_and_gets_no_mail(
    administrator: Browser, pat: User, queued: Queued
) -> None:
    assert "activate this account" in administrator.get(f"/users/{pat.id}/link").text
    assert "/activate/" in link_on(hand_over(administrator, pat))
    assert queued() == []


def test_nobody_makes_one_for_their_own_account(administrator: Browser, parts: AppState) -> None:
    own = administrator.user
    assert "/link" not in administrator.get(f"/users/{own.id}").text
    for answer in (administrator.get(f"/users/{own.id}/link"), administrator.post(f"/users/{own.id}/link")):
        assert "your own account" in answer.text
    assert made(parts) == 0


def test_a_disabled_person_has_to_be_enabled_first(administrator: Browser, parts: AppState) -> None:
    off = add_person(parts.database, "off@example.com", state=UserState.DISABLED)
    answer = administrator.post(f"/users/{off}/link")
    assert (answer.status_code, "account is disabled" in answer.text) == (409, True)
    assert made(parts) == 0


def test_the_password_is_asked_for_again_first(administrator: Browser, ada: User) -> None:
    with time_machine.travel(clock.now() + timedelta(minutes=16)):
        assert administrator.get(f"/users/{ada.id}/link").request.path == "/confirm"
        assert administrator.post(f"/users/{ada.id}/link").status_code == 403


def test_an_administrator_makes_twenty_an_hour(administrator: Browser, ada: User) -> None:
    answers = [
        administrator.post(f"/users/{ada.id}/link") for _ in range(throttles.ADMIN_LINKS_BY_ADMINISTRATOR.times + 1)
    ]
    assert (answers[-2].status_code, answers[-1].status_code) == (200, 429)


def test_without_a_public_address_none_is_made(administrator: Browser, parts: AppState, ada: User) -> None:
    with parts.database.transaction() as session:
        settings.save_general(session, "", "Mailroom", "")
    assert "once the public address is set" in administrator.get(f"/users/{ada.id}/link").text
    assert made(parts) == 0


def test_who_is_no_administrator_any_more_makes_none(administrator: Browser, parts: AppState, ada: User) -> None:
    by = administrator.user
    with parts.database.transaction() as session:
        session.execute(update(User).where(User.id == by.id).values(role=Role.MEMBER))
    with pytest.raises(Forbidden), parts.database.transaction() as session:
        admin_links.create(session, parts.sealer, ada.id, by)
