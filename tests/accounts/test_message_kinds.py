"""What the messages about accounts become when they are sent."""

from datetime import timedelta

import pytest

from tests.accounts.conftest import Deliver
from tests.conftest import Enqueue, GetMessage
from tests.support.browser import PASSWORD, Browser
from tests.support.inbox import Inbox
from tests.support.users import add_user
from webapp.accounts.message_kinds import KINDS
from webapp.accounts.models import User, UserState
from webapp.application import template_folder
from webapp.core import clock
from webapp.core.database import Database
from webapp.monitoring.message_kinds import IN_TROUBLE_KIND, RECOVERED_KIND, WELL_KIND
from webapp.outbox.kinds import TEST_KIND
from webapp.outbox.models import Message, MessageState

EVE = "eve@people.example"


def cancelled_as(message: Message) -> str:
    assert message.state == MessageState.CANCELLED
    return message.failure_code


def test_every_kind_has_a_template_and_every_template_a_kind() -> None:
    folders = {folder.name for folder in (template_folder() / "email").iterdir() if folder.is_dir()}
    assert {kind.name for kind in (TEST_KIND, *KINDS, RECOVERED_KIND, IN_TROUBLE_KIND, WELL_KIND)} == folders


def test_a_pending_user_who_requests_a_reset_gets_an_activation_email_at_their_own_address(
    enqueue: Enqueue, database: Database, deliver: Deliver, inbox: Inbox
) -> None:
    add_user(database, EVE, state=UserState.PENDING)
    enqueue("reset", "EVE@people.example", expires_at=clock.now() + timedelta(hours=1))
    deliver()
    assert inbox.last.link.startswith("https://mailroom.example/activate/")
    assert inbox.last.rcpt_to == [EVE]


def test_an_email_to_an_address_that_is_nobodys_yet_holds_no_text_of_a_member(
    member: Browser, database: Database, deliver: Deliver, inbox: Inbox
) -> None:
    with database.transaction() as session:
        session.get_one(User, member.user_id).name = "You won 500 euros"
    victim = "victim+claim.it.at.evil.example@people.example"
    member.submit("/profile", email=victim, current_password=PASSWORD)
    deliver()
    sent = inbox.last
    assert sent["To"] == victim
    for written in ("You won", member.user.email, "claim.it"):
        assert written not in sent["Subject"] + sent.text + sent.html


def test_a_saved_name_with_a_web_address_is_left_out(
    enqueue: Enqueue, database: Database, deliver: Deliver, inbox: Inbox
) -> None:
    for name in ("Eve https://evil.example", "Eve"):
        email = f"eve{len(name)}@people.example"
        add_user(database, email, name=name)
        enqueue("reset", email, expires_at=clock.now() + timedelta(hours=1))
    deliver()
    assert [email.text.splitlines()[0] for email in inbox.messages] == ["Hello,", "Hello Eve,"]


@pytest.mark.parametrize(
    ("user_state", "code"),
    [(None, "no_account"), (UserState.DISABLED, "account_disabled")],
    ids=["unknown", "disabled"],
)
def test_a_reset_for_an_unknown_or_disabled_account_is_cancelled(
    enqueue: Enqueue,
    deliver: Deliver,
    inbox: Inbox,
    get_message: GetMessage,
    database: Database,
    user_state: UserState | None,
    code: str,
) -> None:
    if user_state:
        add_user(database, EVE, state=user_state)
    message_id = enqueue("reset", EVE, expires_at=clock.now() + timedelta(hours=1))
    deliver()
    assert cancelled_as(get_message(message_id)) == code
    assert inbox.messages == []


def test_an_activation_email_for_an_active_user_is_cancelled(
    enqueue: Enqueue, deliver: Deliver, inbox: Inbox, get_message: GetMessage, database: Database
) -> None:
    user_id = add_user(database, EVE)
    message_id = enqueue("activation", EVE, user_id=user_id, expires_at=clock.now() + timedelta(hours=1))
    deliver()
    assert cancelled_as(get_message(message_id)) == "already_active"
    assert inbox.messages == []
