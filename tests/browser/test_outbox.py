"""The story of a message in a real browser: found in the outbox, read, sent again, retried with others."""

from datetime import timedelta

import pytest

from tests.browser.serving import Site
from tests.browser.walker import Walker
from tests.support.browser import PASSWORD
from tests.support.users import add_user
from webapp.accounts.models import Role, UserState
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.outbox import service as outbox
from webapp.outbox.models import Attempt, AttemptResult, Message, MessageState

ADA, PAT = "ada.lovelace@mailroom.example", "patricia.longname@subsidiary.example-company.example"
REPLY = f"451 4.7.1 <{PAT}>: Recipient address rejected: Greylisted"


@pytest.fixture
def pat_id(site: Site, inside: AppState) -> int:
    """A person whose activation email failed, in an installation with an administrator."""
    add_user(inside.database, ADA, Role.ADMINISTRATOR)
    return add_user(inside.database, PAT, state=UserState.PENDING, name="Patricia")


@pytest.fixture
def failed(inside: AppState, pat_id: int) -> int:
    """The email that failed, whose link has not expired."""
    now = clock.now()
    until = now + timedelta(hours=1)
    message = Message(kind="activation", recipient=PAT, user_id=pat_id, created_at=now, next_attempt_at=now)
    message.state, message.attempts, message.expires_at, message.finished_at = MessageState.FAILED, 1, until, now
    with inside.database.transaction() as session:
        session.add(message)
        session.flush()
        values = {"provider": "sendgrid", "host": "smtp.sendgrid.net", "stage": "rcpt", "transcript": "> RCPT TO"}
        session.add(
            Attempt(message_id=message.id, number=1, started_at=now, result=AttemptResult.FAILED, reply=REPLY, **values)
        )
    return message.id


@pytest.fixture
def visitor(walker: Walker, site: Site, failed: int) -> Walker:
    """The administrator, signed in."""
    walker.open(f"{site.url}/login")
    walker.fill(email=ADA, password=PASSWORD)
    walker.press("Sign in")
    return walker


def test_a_message_is_found_read_and_sent_again(visitor: Walker, site: Site, failed: int, pat_id: int) -> None:
    visitor.open(f"{site.url}/outbox?state=failed")
    visitor.fill(address="patricia", kind="activation")
    visitor.press("Search")
    assert visitor.sees("Recipient: patricia")
    visitor.follow(PAT)
    assert visitor.sees("Greylisted")
    email = visitor.page.frame_locator("iframe")
    assert email.get_by_text("0000-0000").is_visible()
    visitor.press("resend")
    assert visitor.sees("The old link no longer works.")
    visitor.open(f"{site.url}/users/{pat_id}/emails")
    assert visitor.page.locator("tbody tr").count() == 2
    assert visitor.complaints == []


def test_all_that_failed_is_retried_after_a_question(
    visitor: Walker, site: Site, inside: AppState, failed: int
) -> None:
    visitor.open(f"{site.url}/outbox?state=failed")
    visitor.follow("Retry all…")
    assert visitor.sees("1 message is tried again now.")
    visitor.press("sure")
    assert visitor.sees("Trying 1 message again.")
    with inside.database.read() as session:
        assert outbox.get_message(session, failed).state in (MessageState.QUEUED, MessageState.SENDING)
    assert visitor.complaints == []
