"""Where an administrator or the environment restricts who gets email."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Enqueue, GetMessage
from tests.support.browser import Browser
from tests.support.inbox import Inbox
from tests.support.users import add_user
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.outbox.models import MessageState
from webapp.settings import service as settings

Act = Callable[[], None]


@pytest.fixture
def restrict(state: AppState) -> Callable[..., None]:
    """Save who gets email."""

    def restrict(send_to: str, domains: str = "") -> None:
        with state.database.transaction() as session:
            given = settings.general(session, state.config)
            names = given.public_url, given.product_name, given.support_address
            settings.save_general(session, *names, send_to=send_to, send_to_domains=domains)

    return restrict


def test_a_message_to_another_domain_ends_as_canceled(
    enqueue: Enqueue, deliver: Act, inbox: Inbox, get_message: GetMessage, restrict: Callable[..., None]
) -> None:
    restrict("domains", "people.example, *.bücher.example")
    addresses = ["eve@People.example", "eve@other.example", "ада@a.bücher.example", "people.example@b.example"]
    ids = [enqueue(recipient=address) for address in addresses]
    deliver()
    states = [get_message(one).state for one in ids]
    assert states == [MessageState.SENT, MessageState.CANCELLED] * 2
    assert get_message(ids[1]).failure_code == "recipient_not_allowed"
    assert len(inbox.messages) == 2


def test_the_address_counts_that_an_email_finally_goes_to(
    enqueue: Enqueue,
    deliver: Act,
    inbox: Inbox,
    get_message: GetMessage,
    state: AppState,
    restrict: Callable[..., None],
) -> None:
    restrict("domains", "people.example")
    user_id = add_user(state.database, "eve@other.example", name="Eve")
    message_id = enqueue("lockout", user_id=user_id, data={"until": clock.now().isoformat()})
    deliver()
    message = get_message(message_id)
    assert (message.state, message.failure_code) == (MessageState.CANCELLED, "recipient_not_allowed")
    assert not inbox.messages


@pytest.mark.one_database
class TestSetByTheEnvironment:
    """MAILROOM_SEND_ONLY_TO is set, and the database says that everyone gets email."""

    @pytest.fixture
    def config_values(self) -> dict[str, Any]:
        return {"send_only_to": "nobody"}

    def test_no_server_is_asked_before_everything_is_canceled(
        self, enqueue: Enqueue, deliver: Act, use_server: Act, get_message: GetMessage, administrator: Browser
    ) -> None:
        use_server()
        ids = [enqueue(), enqueue()]
        deliver()
        assert [get_message(one).state for one in ids] == [MessageState.CANCELLED] * 2
        assert "Email to this address is not allowed" in administrator.get(f"/outbox/{ids[0]}").text
        assert administrator.get("/outbox?state=cancelled").text.count("eve@people.example") >= 2
