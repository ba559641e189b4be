"""Sessions and open forms survive a rotation, whichever process answers."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from tests.core.keys.conftest import Rotate, Start
from tests.support.browser import Browser
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.web.cookies import SessionInterface

Move = Callable[[Browser], Browser]


@pytest.fixture
def elsewhere(start: Start, app: Flask) -> Move:
    """Move a browser to another process, which read the keys before the test."""
    other = start()

    def move(browser: Browser) -> Browser:
        moved = Browser(other, browser.user_id)
        moved.client._cookies = browser.client._cookies
        return moved

    return move


def is_signed_in(browser: Browser) -> bool:
    return browser.get("/profile", follow=False).status_code == 200


def test_a_form_opened_before_a_rotation_can_be_sent_after_it(member: Browser, elsewhere: Move, rotate: Rotate) -> None:
    page, there = member.get("/profile"), elsewhere(member)
    rotate()
    assert there.submit_on(page, name="Maxine").status_code == 200
    assert member.user.name == "Maxine"


def test_a_form_rendered_with_the_new_key_can_be_sent_to_a_process_without_it(
    member: Browser, elsewhere: Move, rotate: Rotate
) -> None:
    there = elsewhere(member)
    # From here on the cookie stays as it is, signed with the old key.
    member.get("/profile")
    rotate()
    there.submit_on(member.get("/profile"), name="Maxine")
    assert member.user.name == "Maxine"


def test_dropping_the_old_keys_signs_everyone_out(member: Browser, rotate: Rotate) -> None:
    rotate(drop_old=True)
    assert not is_signed_in(member)


@pytest.mark.one_database
def test_an_unavailable_database_ends_no_session(
    monkeypatch: pytest.MonkeyPatch, member: Browser, state: AppState, rotate: Rotate
) -> None:
    def away(_self: Database) -> None:
        raise OperationalError("SELECT", {}, Exception("it is away"))

    rotate()
    assert is_signed_in(member)
    with monkeypatch.context() as patched:
        patched.setattr(Database, "read", away)
        assert not state.keyring.refresh()
    assert is_signed_in(member)
    assert isinstance(member.app.session_interface, SessionInterface)
