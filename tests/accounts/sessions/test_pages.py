"""The login page."""

import re

import pytest
import time_machine
from werkzeug.datastructures import MultiDict

from tests.support.browser import PASSWORD, Browser
from tests.support.users import add_user
from webapp.accounts.models import Role, User, UserState
from webapp.core import clock
from webapp.core.database import Database

TOKEN = re.compile(r'name="csrf_token"[^>]*value="[^"]*"')

pytestmark = pytest.mark.one_database


def refusal(stranger: Browser, email: str, password: str) -> str:
    """Return the page that refuses a login, without its CSRF token and the address entered."""
    answer = stranger.submit("/login", email=email, password=password)
    assert answer.request.path == "/login"
    return TOKEN.sub("", answer.text).replace(email, "")


def test_a_login_leads_to_the_page_that_was_requested(stranger: Browser, ada: User) -> None:
    page = stranger.get("/")
    assert page.request.path == "/login"
    answer = stranger.submit_on(page, email="ADA@example.com", password=PASSWORD)
    assert (answer.status_code, answer.request.path) == (200, "/")


def test_a_refusal_does_not_reveal_which_addresses_have_accounts(
    stranger: Browser, database: Database, ada: User
) -> None:
    add_user(database, "pat@example.com", state=UserState.PENDING)
    add_user(database, "dis@example.com", state=UserState.DISABLED)
    answers = [
        refusal(stranger, "nobody@example.com", PASSWORD),
        refusal(stranger, ada.email, "wrong password"),
        refusal(stranger, "pat@example.com", PASSWORD),
        refusal(stranger, "dis@example.com", PASSWORD),
    ]
    assert "Wrong email address or password." in answers[0]
    assert len(set(answers)) == 1


def test_a_refusal_keeps_the_address_and_the_choice_but_not_the_password(stranger: Browser, ada: User) -> None:
    answer = stranger.submit("/login", email=ada.email, password="a wrong one, long enough", remember=True)
    assert f'value="{ada.email}"' in answer.text
    assert re.search(r'<input[^>]* name="remember"[^>]* checked', answer.text)
    assert "a wrong one, long enough" not in answer.text


def test_a_lockout_says_when_to_try_again_and_what_helps(stranger: Browser, ada: User) -> None:
    with time_machine.travel(clock.now(), tick=False):
        for _ in range(11):
            answer = stranger.submit("/login", email=ada.email, password="wrong")
        other = [stranger.submit("/login", email="nobody@example.com", password="wrong") for _ in range(11)][-1]
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "900")
    assert "Try again in 15 minutes." in answer.text
    assert "Set a new one to get back in right away." in answer.text
    assert TOKEN.sub("", answer.text) == TOKEN.sub("", other.text).replace("nobody@example.com", ada.email)


class TestWithoutLimits:
    """The configuration for load tests."""

    @pytest.fixture
    def config_values(self) -> dict[str, str]:
        return {"rate_limits": "off"}

    def test_attempts_do_not_count(self, stranger: Browser) -> None:
        for _ in range(11):
            answer = stranger.submit("/login", email="ada@example.com", password="wrong")
        assert answer.status_code == 200


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ([("email", ""), ("password", "x")], "Enter your email address."),
        ([("email", "ada@example.com")], "Enter your password."),
        ([("email", "a"), ("email", "b"), ("password", "x")], "sent twice"),
        ([("email", "x" * 200_000), ("password", "x")], "Too long"),
        ([("email", "ada@example.com"), ("password", "x" * 200_000)], "Too long"),
        ([("email", "ada\0@example.com"), ("password", "x")], "invisible character"),
    ],
)
def test_an_error_is_shown_beside_its_field(stranger: Browser, fields: list[tuple[str, str]], problem: str) -> None:
    data = MultiDict([*fields, ("csrf_token", stranger.csrf_token())])
    answer = stranger.client.post("/login", data=data)
    assert answer.status_code == 200
    assert re.search(rf'class="error" id="[a-z]+-error">[^<]*{problem}', answer.text)


def test_the_login_page_of_a_fresh_installation_says_where_to_begin(stranger: Browser, database: Database) -> None:
    hint = "that the server printed on its standard output when it started"
    assert hint in stranger.get("/", True).text
    add_user(database, "ada@example.com", Role.ADMINISTRATOR)
    assert hint not in stranger.get("/login").text
