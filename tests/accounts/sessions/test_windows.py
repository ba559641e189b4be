"""Several windows of one browser: what one of them does to the sign-in that all of them have."""

from datetime import timedelta
from unittest import mock

import pytest
import time_machine
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support.browser import PASSWORD, Browser
from webapp.accounts.models import Session as SignIn
from webapp.accounts.models import User
from webapp.accounts.passwords import hashing
from webapp.accounts.sessions import login as signing_in
from webapp.accounts.sessions import service as sign_ins
from webapp.core import clock
from webapp.core.database import Database
from webapp.webhooks import delivery
from webapp.webhooks.delivery import DeliveryResult

pytestmark = pytest.mark.one_database


def cookie(browser: Browser) -> str:
    """The value of the session cookie."""
    found = browser.client.get_cookie("mailroom")
    assert found is not None
    return found.value


def test_pages_that_come_together_after_a_sign_in_hold_one_token(stranger: Browser, ada: User) -> None:
    stranger.post("/login", follow=False, email=ada.email, password=PASSWORD)
    begun = cookie(stranger)
    shown = stranger.get("/")
    stranger.client.set_cookie("mailroom", begun)
    stranger.get("/profile")
    assert stranger.submit_on(shown).request.path == "/login"


def test_a_late_answer_leaves_the_cookie_to_the_one_that_changed_the_sign_in(
    database: Database, administrator: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(*_: object) -> DeliveryResult:
        with database.transaction() as session:
            sign_ins.rotate_token(session, 1)
        return DeliveryResult()

    administrator.get("/profile")
    monkeypatch.setattr(delivery, "send", slowly)
    before = cookie(administrator)
    administrator.post("/settings/webhook/test", follow=False)
    assert cookie(administrator) == before


def test_a_sign_in_page_from_before_leads_on_once_somebody_is_signed_in(stranger: Browser, ada: User) -> None:
    one, other = stranger.get("/login"), stranger.get("/login")
    stranger.submit_on(one, email=ada.email, password=PASSWORD)
    answer = stranger.submit_on(other, email=ada.email, password=PASSWORD)
    assert (answer.request.path, "open for too long" in answer.text) == ("/", False)


def test_confirming_twice_at_once_signs_nobody_out(database: Database, administrator: Browser) -> None:
    def fits(password: str, kept: str | None) -> bool:
        with database.transaction() as session:
            sign_ins.rotate_token(session, 1)
        return True

    with time_machine.travel(clock.now() + timedelta(minutes=16)):
        page, before = administrator.get("/settings/general"), cookie(administrator)
        with mock.patch.object(hashing, "verify", fits):
            answer = administrator.submit_on(page, current_password=PASSWORD)
    assert "You were signed out meanwhile" in answer.text
    assert cookie(administrator) == before


def test_signing_out_ends_a_sign_in_whose_token_another_window_has_renewed(
    database: Database, member: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = signing_in.sign_out

    def late(session: Session, person: User, sign_in_id: int) -> None:
        sign_ins.rotate_token(session, sign_in_id)
        usual(session, person, sign_in_id)

    monkeypatch.setattr(signing_in, "sign_out", late)
    member.post("/logout")
    with database.read() as session:
        assert session.scalar(select(SignIn.id)) is None


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (False, "You've been signed out. Sign in again."),
        (True, "You've been signed out, so your changes weren't saved. Sign in again."),
    ],
)
def test_who_was_signed_out_meanwhile_is_told_so(database: Database, member: Browser, sent: bool, told: str) -> None:
    with database.transaction() as session:
        sign_ins.end_all(session, member.user.id)
    answer = member.post("/profile/name", False, name="Ada") if sent else member.get("/profile", False)
    assert told in member.get(answer.location).text
    assert "Set-Cookie" not in answer.headers, "coming late, it would throw a new sign-in out"
