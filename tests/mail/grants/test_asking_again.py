"""What a person asks for is tried now; only the worker waits after a failure."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import select

from tests.conftest import Enqueue, GetMessage
from tests.mail.conftest import later
from tests.mail.page import PAGE
from tests.support.authorization import AuthorizationServer
from tests.support.browser import Browser
from tests.support.certificates import Authority
from tests.support.grants import GrantOwner
from tests.support.token_inbox import TokenInbox, running_token_inbox
from webapp.audit.models import AuditEntry
from webapp.core import clock
from webapp.mail import jobs
from webapp.mail.diagnosis import token_rules
from webapp.mail.doctor.examination import Examination
from webapp.mail.doctor.service import examine
from webapp.mail.grants import authorization
from webapp.mail.models import GrantStatus
from webapp.mail.oauth.errors import TokenRefused
from webapp.outbox import labels
from webapp.outbox.models import MessageState

pytestmark = pytest.mark.one_database
Press = Callable[[], Examination]


@pytest.fixture
def token_inbox(authority: Authority, provider: AuthorizationServer) -> Iterator[TokenInbox]:
    """A mail server that accepts access tokens."""
    with running_token_inbox(authority, provider) as inbox:
        yield inbox


@pytest.fixture
def save(owner: GrantOwner, token_inbox: TokenInbox) -> Callable[[str], None]:
    """Save that server, with this authentication."""

    def save(authentication: str) -> None:
        where = {"host": token_inbox.host, "port": token_inbox.port, "security": token_inbox.security}
        owner.save(authentication=authentication, **where)

    return save


@pytest.fixture
def granted(owner: GrantOwner, save: Callable[[str], None]) -> GrantOwner:
    """The administrator who has signed in at the provider."""
    save("authorization_code")
    owner.authorize()
    return owner


@pytest.fixture
def refused(owner: GrantOwner, save: Callable[[str], None]) -> GrantOwner:
    """The administrator whose application the provider doesn't know yet."""
    save("client_credentials")
    owner.provider.client_authentication, owner.provider.unknown_client = (), ("unauthorized_client", 400)
    with pytest.raises(TokenRefused):
        authorization.generate(owner.server)
    owner.provider.asked.clear()
    return owner


@pytest.fixture
def press_test(owner: GrantOwner, app: Flask, token_inbox: TokenInbox) -> Press:
    """Press “Send test email” with the saved settings."""

    def press() -> Examination:
        where = {"host": token_inbox.host, "port": token_inbox.port, "security": token_inbox.security}
        server = owner.server
        entered = owner.entered(
            authentication=server.authentication, username=server.username, secrets={"client_secret": ""}, **where
        )
        with app.app_context():
            return examine(entered, server, "eve@people.example")

    return press


def accept_application(owner: GrantOwner) -> None:
    """Correct the registration at the provider."""
    owner.provider.client_authentication = ("basic", "post")


def test_every_test_send_asks_a_token_endpoint_that_failed(granted: GrantOwner, press_test: Press) -> None:
    granted.provider.misbehave("503", "503", "503")
    with later(hours=2):
        assert [press_test().ok for _ in range(4)] == [False, False, False, True]


def test_what_waits_for_the_server_is_tried_at_once_after_a_test_that_passed(
    granted: GrantOwner, press_test: Press, enqueue: Enqueue, deliver: Callable[[], None], get_message: GetMessage
) -> None:
    granted.provider.misbehave("503")
    with later(hours=2):
        message = enqueue()
        deliver()
        assert get_message(message).waits_for_server
        assert press_test().ok
        deliver()
    assert get_message(message).state == MessageState.SENT


def test_every_test_send_asks_a_provider_that_refused_the_application(refused: GrantOwner, press_test: Press) -> None:
    assert [press_test().ok for _ in range(2)] == [False, False]
    assert refused.provider.asked == ["client_credentials"] * 2
    accept_application(refused)
    assert press_test().ok
    assert refused.grant.status == GrantStatus.GENERATED


def test_a_test_send_asks_a_provider_that_ended_the_grant(granted: GrantOwner, press_test: Press) -> None:
    granted.provider.revoke()
    granted.provider.asked.clear()
    with later(hours=2):
        assert [press_test().ok for _ in range(2)] == [False, False]
    assert granted.provider.asked == ["refresh_token"] * 2


@pytest.mark.parametrize("kind", ["save", "retry"])
def test_saving_and_retrying_have_the_worker_ask_again(
    kind: str,
    refused: GrantOwner,
    save: Callable[[str], None],
    administrator: Browser,
    enqueue: Enqueue,
    deliver: Callable[[], None],
    get_message: GetMessage,
) -> None:
    message = enqueue()
    deliver()
    assert refused.provider.asked == []
    accept_application(refused)
    if kind == "save":
        save("client_credentials")
    else:
        administrator.post(f"/outbox/{message}/retry")
    deliver()
    assert get_message(message).state == MessageState.SENT


def test_saving_has_the_worker_ask_again_even_if_no_email_waits(
    refused: GrantOwner, save: Callable[[str], None]
) -> None:
    accept_application(refused)
    jobs.refresh_grants(clock.now())
    assert refused.grant.status == GrantStatus.ACTION_REQUIRED
    save("client_credentials")
    jobs.refresh_grants(clock.now())
    assert refused.grant.status == GrantStatus.GENERATED


def test_the_worker_asks_about_a_refused_application_every_quarter_of_an_hour(
    refused: GrantOwner, enqueue: Enqueue, deliver: Callable[[], None], get_message: GetMessage
) -> None:
    message = enqueue()
    for minutes in range(0, 45, 3):
        with later(minutes=minutes):
            deliver()
    assert len(refused.provider.asked) == 2
    accept_application(refused)
    with later(minutes=70):
        deliver()
    assert get_message(message).state == MessageState.SENT


def test_a_refusal_that_is_repeated_is_recorded_once(refused: GrantOwner) -> None:
    for minutes in (20, 40, 60):
        with later(minutes=minutes), pytest.raises(TokenRefused):
            refused.tokens.get()
    with refused.state.database.read() as session:
        found = session.scalars(select(AuditEntry.event).where(AuditEntry.event.like("grant%"))).all()
    assert list(found) == ["grant.refused"]


def test_a_remembered_refusal_says_when_it_happened_and_when_it_is_tried_next(
    refused: GrantOwner, app: Flask, enqueue: Enqueue, deliver: Callable[[], None], get_message: GetMessage
) -> None:
    message = enqueue()
    deliver()
    with app.test_request_context():
        lines = labels.describe_failure(get_message(message)).splitlines()
    assert lines[0] == "unauthorized_client Unknown client, or a wrong secret."
    assert lines[1].startswith("The provider was asked on ")
    assert "Mailroom asks it again on " in lines[1]


def test_the_page_says_when_the_worker_asks_again(refused: GrantOwner, administrator: Browser) -> None:
    page = administrator.get(PAGE).text
    assert "Mailroom asks again on <time" in page
    assert str(token_rules.ASK_AGAIN) in page


def test_the_page_of_a_grant_that_ended_says_how_to_ask_again(granted: GrantOwner, administrator: Browser) -> None:
    granted.provider.revoke()
    with pytest.raises(TokenRefused):
        granted.tokens.refresh()
    page = administrator.get(PAGE).text
    assert "Mailroom asks again on" not in page
    assert "To ask the provider again at once, send a test email." in page


def test_a_rejected_token_is_never_used_again(granted: GrantOwner, token_inbox: TokenInbox, press_test: Press) -> None:
    granted.provider.account = "eve@mailroom.example"
    granted.provider.revoke_access_tokens()
    assert not press_test().ok
    assert len(token_inbox.shown) == 2
    granted.provider.account = granted.server.username
    assert press_test().ok
    assert len(token_inbox.shown) == 3


def test_a_token_that_was_issued_just_now_is_not_replaced_at_once(
    refused: GrantOwner, token_inbox: TokenInbox, press_test: Press
) -> None:
    accept_application(refused)
    refused.provider.account = "eve@mailroom.example"
    assert not press_test().ok
    assert (refused.provider.asked, len(token_inbox.shown)) == (["client_credentials"], 1)
