"""Typing a code in a browser."""

import re
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from tests.accounts.conftest import NEW_PASSWORD, IssueLink
from tests.support.browser import Browser
from tests.support.inbox import Inbox
from webapp.accounts import events
from webapp.accounts.links import codes
from webapp.accounts.models import Link, LinkPurpose, User
from webapp.audit.models import AuditEntry
from webapp.core.app_state import AppState

WRONG = "ABCDEFGH"

pytestmark = pytest.mark.one_database


@pytest.fixture
def asked(stranger: Browser, ada: User, deliver: Callable[[], None], inbox: Inbox) -> str:
    """The stranger asked for a reset mail in this browser; the code in it."""
    page = stranger.submit("/forgot-password", email=ada.email)
    assert page.request.path == "/forgot-password/sent"
    deliver()
    return inbox.last.code


def test_the_code_is_typed_where_the_mail_was_asked_for(stranger: Browser, ada: User, asked: str) -> None:
    page = stranger.submit("/forgot-password/sent", code=asked.lower().replace("-", " "))
    assert (page.request.path, ada.email in page.text) == ("/reset-password", True)
    page = stranger.submit_on(page, password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
    assert "Your password is changed" in page.text


def test_a_code_activates_an_account(stranger: Browser, pat: User, issue_link: IssueLink) -> None:
    page = stranger.submit("/code", email=pat.email, code=issue_link(pat, LinkPurpose.ACTIVATION).code)
    page = stranger.submit_on(page, password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
    assert "Your account is active" in page.text


def test_opening_the_pages_spends_nothing(stranger: Browser, parts: AppState, asked: str) -> None:
    for path in ("/code", "/forgot-password/sent"):
        assert stranger.get(path).status_code == stranger.client.head(path).status_code == 200
    with parts.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Link)) == 1


def test_a_wrong_code_and_an_unknown_address_are_told_the_same(stranger: Browser, ada: User) -> None:
    answers = [stranger.submit("/code", email=email, code=WRONG) for email in (ada.email, "nob@example.com")]
    told = [re.findall(r'id="\w+-error">[^<]*', answer.text) for answer in answers]
    assert told[0] == told[1]
    assert "This code is wrong, for another address, or no longer good." in told[0][0]
    assert [answer.status_code for answer in answers] == [200, 200]


@pytest.mark.parametrize(
    ("email", "code", "problem"),
    [
        ("ada@example.com", "", "Type the code"),
        ("ada@example.com", "ABCD", "eight letters"),
        ("ada@example.com", "\u202eABCDEFGH", "control characters"),
        ("ada@example.com", "x" * 200_000, "Too long"),
        ("ada", WRONG, "not an e-mail address"),
        ("", WRONG, "Give an e-mail address"),
    ],
)
def test_what_is_wrong_is_told_beside_its_field_and_counts_as_no_try(
    stranger: Browser, parts: AppState, email: str, code: str, problem: str
) -> None:
    answer = stranger.submit("/code", email=email, code=code)
    assert re.search(rf'class="error"[^>]*>[^<]*{problem}', answer.text)
    with parts.database.read() as session:
        assert session.scalars(select(AuditEntry).where(AuditEntry.event == events.CODE_REJECTED.key)).all() == []


def test_too_many_are_told_when_to_try_again_and_keep_what_was_typed(stranger: Browser) -> None:
    answers = [stranger.post("/code", email="ada@example.com", code=WRONG) for _ in range(32)]
    assert (answers[0].status_code, answers[-1].status_code) == (200, 429)
    assert answers[-1].headers["Retry-After"]
    assert 'value="ada@example.com"' in answers[-1].text


def test_a_stale_form_is_not_taken(stranger: Browser, ada: User, issue_link: IssueLink) -> None:
    fields = {"email": ada.email, "code": issue_link(ada).code, "csrf_token": "stale"}
    assert "open for too long" in stranger.client.post("/code", data=fields).text


def test_neither_code_nor_address_is_logged(
    stranger: Browser, asked: str, ada: User, caplog: pytest.LogCaptureFixture
) -> None:
    stranger.submit("/code", email=ada.email, code=WRONG)
    stranger.submit("/code", email=ada.email, code=asked)
    assert not any(text in caplog.text for text in (asked, codes.normalise(asked), WRONG, ada.email))


def test_a_browser_that_asked_for_nothing_is_led_to_asking(stranger: Browser) -> None:
    assert stranger.get("/forgot-password/sent").request.path == "/forgot-password"


@pytest.mark.parametrize("path", ["/login", "/forgot-password"])
def test_the_page_is_reached_from_where_one_looks(stranger: Browser, path: str) -> None:
    assert 'href="/code">I have a code' in stranger.get(path).text
