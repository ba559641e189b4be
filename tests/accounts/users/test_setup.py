"""The first administrator."""

import re
from collections.abc import Callable

import pytest

from tests.accounts.conftest import NEW_PASSWORD, run_at_once
from tests.support.browser import Browser
from webapp.accounts import service
from webapp.accounts.models import Role, UserState
from webapp.accounts.passwords import hashing
from webapp.accounts.users import administration, setup
from webapp.accounts.users.setup import AlreadySetUp, InvalidSetupToken
from webapp.core.app_state import AppState
from webapp.core.config import Config
from webapp.settings.service import general

PASSWORD_HASH = hashing.hash_password(NEW_PASSWORD)
FIELDS = {"email": "root@example.com", "name": "Root", "password": NEW_PASSWORD, "password_confirm": NEW_PASSWORD}


@pytest.fixture
def token(state: AppState) -> str:
    """The token in the URL that the server printed."""
    with state.database.transaction() as session:
        return setup.new_setup_token(session)


def public_url(state: AppState) -> str:
    """The public URL that is set."""
    with state.database.read() as session:
        return general(session, state.config).public_url


def test_the_first_administrator_is_created_and_signed_in(stranger: Browser, state: AppState, token: str) -> None:
    page = stranger.get(f"/setup?key={token}")
    assert (page.request.path, page.request.query_string) == ("/setup", b"")
    answer = stranger.submit_on(page, **FIELDS)
    assert (answer.status_code, answer.request.path) == (200, "/")
    with state.database.read() as session:
        user = service.find_by_email(session, "root@example.com")
    assert user is not None
    assert (user.role, user.state) == (Role.ADMINISTRATOR, UserState.ACTIVE)
    assert public_url(state) == "http://localhost"


def test_the_public_url_is_saved(stranger: Browser, state: AppState, token: str) -> None:
    page = stranger.get(f"/setup?key={token}")
    stranger.submit_on(page, **FIELDS, public_url="https://mail.example.com/")
    assert public_url(state) == "https://mail.example.com"
    with state.database.read() as session:
        assert general(session, state.config).support_address == "help@mailroom.example"


@pytest.mark.one_database
def test_setup_warns_of_a_public_url_that_only_works_here(stranger: Browser, token: str) -> None:
    page = stranger.get(f"/setup?key={token}")
    assert "only works on this machine" in page.text
    page = stranger.submit_on(page, **FIELDS | {"email": ""}, public_url="https://mail.example.com")
    assert "only works on this machine" not in page.text


def test_a_blank_public_url_keeps_the_present_one(stranger: Browser, state: AppState, token: str) -> None:
    before = public_url(state)
    stranger.submit_on(stranger.get(f"/setup?key={token}"), **FIELDS, public_url="")
    assert public_url(state) == before


def test_an_error_keeps_the_token_and_what_was_entered(stranger: Browser, token: str) -> None:
    page = stranger.get(f"/setup?key={token}")
    wrong = FIELDS | {"password": "root@example.com", "public_url": "nowhere"}
    answer = stranger.submit_on(page, **wrong)
    assert "use your email address as your password" in answer.text
    assert 'value="nowhere"' in answer.text
    assert stranger.submit_on(answer, **FIELDS, public_url="").request.path == "/"


def test_errors_are_listed_in_the_order_of_the_page(stranger: Browser, token: str) -> None:
    wrong = {
        "email": "no address",
        "name": "",
        "password": "short",
        "password_confirm": "other",
        "public_url": "nowhere",
    }
    page = stranger.submit(f"/setup?key={token}", **wrong)
    assert re.findall(r'<li><a href="#(\w+)">', page.text) == list(wrong)


@pytest.mark.parametrize("path", ["/setup", "/setup?key=wrong", "/setup?key=" + "x" * 5000])
def test_a_wrong_token_leads_to_instructions(stranger: Browser, token: str, path: str) -> None:
    page = stranger.get(path)
    assert page.status_code == 404
    assert "mailroom create-admin" in page.text


@pytest.mark.one_database
def test_without_a_key_the_page_asks_for_the_printed_link(stranger: Browser, token: str) -> None:
    assert "open the setup link that the server printed" in stranger.get("/setup").text
    assert "This setup link is out of date" in stranger.get("/setup?key=wrong").text


def test_a_newer_token_replaces_the_older_one(stranger: Browser, state: AppState, token: str) -> None:
    with state.database.transaction() as session:
        setup.new_setup_token(session)
    assert stranger.get(f"/setup?key={token}").status_code == 404


def test_setup_is_closed_once_there_is_an_administrator(stranger: Browser, state: AppState, token: str) -> None:
    page = stranger.get(f"/setup?key={token}")
    with state.database.transaction() as session:
        administration.create_administrator(session, "ada@example.com", "Ada", PASSWORD_HASH)
    for answer in (stranger.submit_on(page, **FIELDS), stranger.get(f"/setup?key={token}")):
        assert (answer.status_code, "already set up" in answer.text) == (404, True)
    with state.database.transaction() as session, pytest.raises(AlreadySetUp):
        setup.new_setup_token(session)


def test_a_wrong_token_creates_nobody(state: AppState, token: str) -> None:
    with pytest.raises(InvalidSetupToken), state.database.transaction() as session:
        setup.create_first_administrator(session, "wrong", "eve@example.com", "Eve", PASSWORD_HASH)
    with state.database.read() as session:
        assert not service.has_administrator(session)


def test_only_one_of_several_simultaneous_attempts_succeeds(state: AppState, token: str) -> None:
    def claiming(email: str) -> Callable[[], object]:
        def claim() -> object:
            with state.database.transaction() as session:
                return setup.create_first_administrator(session, token, email, "Root", PASSWORD_HASH)

        return claim

    results = run_at_once([claiming(f"p{number}@example.com") for number in range(4)])
    assert sorted(type(result).__name__ for result in results) == ["AlreadySetUp"] * 3 + ["User"]


class TestWithAFixedPublicUrl:
    """The environment sets the public URL."""

    @pytest.fixture
    def config_values(self) -> dict[str, str]:
        return {"public_url": "https://fixed.example"}

    def test_it_is_not_asked_for(self, stranger: Browser, state: AppState, config: Config, token: str) -> None:
        page = stranger.get(f"/setup?key={token}")
        assert "public_url" not in page.text
        assert stranger.submit_on(page, **FIELDS).request.path == "/"
        assert public_url(state) == config.public_url
