"""The page on which a code from an email is entered."""

import re

import pytest
from sqlalchemy import select

from tests.accounts.conftest import NEW_PASSWORD, Deliver, IssueLink
from tests.support.browser import Browser
from tests.support.inbox import Inbox
from webapp.accounts import audit_events
from webapp.accounts.links import codes
from webapp.accounts.models import LinkPurpose, User
from webapp.audit.models import AuditEntry
from webapp.core.app_state import AppState

WRONG = "ABCDEFGH"

pytestmark = pytest.mark.one_database


@pytest.fixture
def emailed_code(stranger: Browser, ada: User, deliver: Deliver, inbox: Inbox) -> str:
    """Request a reset email in the stranger's browser; return the code in it."""
    page = stranger.submit("/forgot-password", email=ada.email)
    assert page.request.path == "/forgot-password/sent"
    deliver()
    return inbox.last.code


def test_the_code_can_be_entered_where_the_email_was_requested(stranger: Browser, ada: User, emailed_code: str) -> None:
    page = stranger.submit("/forgot-password/sent", code=emailed_code.lower().replace("-", " "))
    assert (page.request.path, ada.email in page.text) == ("/reset-password", True)
    page = stranger.submit_on(page, password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
    assert "Your password has been changed" in page.text


def test_a_code_activates_an_account(stranger: Browser, pat: User, issue_link: IssueLink) -> None:
    page = stranger.submit("/code", email=pat.email, code=issue_link(pat, LinkPurpose.ACTIVATION).code)
    page = stranger.submit_on(page, password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
    assert "Your account is active" in page.text


def test_a_wrong_code_and_an_unknown_address_get_the_same_response(stranger: Browser, ada: User) -> None:
    answers = [stranger.submit("/code", email=email, code=WRONG) for email in (ada.email, "nob@example.com")]
    told = [re.findall(r'id="\w+-error">[^<]*', answer.text) for answer in answers]
    assert told[0] == told[1]
    assert "This code is wrong, has expired, or belongs to another address." in told[0][0]
    assert [answer.status_code for answer in answers] == [200, 200]


@pytest.mark.parametrize(
    ("email", "code", "problem"),
    [
        ("ada@example.com", "", "Enter the code from the email."),
        ("ada@example.com", "ABCD", "eight letters"),
        ("ada@example.com", "AB\u202eCDEFGH", "invisible character"),
        ("ada", WRONG, "Enter an email address such as"),
    ],
)
def test_an_error_is_shown_beside_its_field_and_counts_as_no_attempt(
    stranger: Browser, state: AppState, email: str, code: str, problem: str
) -> None:
    answer = stranger.submit("/code", email=email, code=code)
    assert re.search(rf'class="error"[^>]*>[^<]*{problem}', answer.text)
    with state.database.read() as session:
        assert session.scalars(select(AuditEntry).where(AuditEntry.event == audit_events.CODE_REJECTED.key)).all() == []


def test_too_many_attempts_keep_the_address_and_say_when_to_try_again(stranger: Browser) -> None:
    answers = [stranger.post("/code", email="ada@example.com", code=WRONG) for _ in range(32)]
    assert (answers[0].status_code, answers[-1].status_code) == (200, 429)
    assert answers[-1].headers["Retry-After"]
    assert 'value="ada@example.com"' in answers[-1].text


def test_neither_code_nor_address_is_logged(
    stranger: Browser, emailed_code: str, ada: User, caplog: pytest.LogCaptureFixture
) -> None:
    stranger.submit("/code", email=ada.email, code=WRONG)
    stranger.submit("/code", email=ada.email, code=emailed_code)
    assert not any(text in caplog.text for text in (emailed_code, codes.normalise(emailed_code), WRONG, ada.email))


def test_a_browser_without_a_request_is_sent_to_the_request_page(stranger: Browser) -> None:
    assert stranger.get("/forgot-password/sent").request.path == "/forgot-password"
