"""What the list of mail servers says about deliveries by each."""

import pytest

from tests.conftest import Enqueue
from tests.outbox.conftest import UseServers
from tests.outbox.test_fallback import Act, Scripted
from tests.support.browser import Browser
from tests.support.inbox import Inbox
from webapp.core.app_state import AppState
from webapp.outbox import server_deliveries

pytestmark = pytest.mark.one_database
LIST = "/settings/mail-servers"


def test_the_list_shows_the_last_delivery_and_the_last_failure_of_each_server(
    enqueue: Enqueue, deliver: Act, scripted: Scripted, use_servers: UseServers, state: AppState, administrator: Browser
) -> None:
    ids = use_servers(scripted({"GREETING": "554 5.7.1 No service for you"}), scripted({"RCPT": "550 5.1.1 Unknown"}))
    enqueue()
    deliver()
    with state.database.read() as session:
        first, second = server_deliveries.find(session, ids).values()
    assert (first.sent_at, first.failure.reply if first.failure else "") == (None, "554 5.7.1 No service for you")
    assert first.failing_since is not None
    # That is about a recipient.
    assert (second.sent_at, second.failure, second.failing_since) == (None, None, None)
    page = administrator.get(LIST).text
    assert page.count(">Failing<") == 1
    assert "No service for you" in page
    own_page = administrator.get("/settings/mail").text
    assert ">Failing<" in own_page
    assert ">First<" not in own_page
    assert "No service for you" in own_page


def test_while_mail_is_stopped_each_page_says_so_and_the_list_which_server_fails(
    enqueue: Enqueue, deliver: Act, inbox: Inbox, administrator: Browser
) -> None:
    inbox.password = "another one"
    enqueue()
    deliver()
    page = administrator.get(LIST).text
    assert page.count("Mail is not going out") == 1
    assert ">Failing<" in page
    own_page = administrator.get("/settings/mail").text
    assert ">Failing<" in own_page
    assert "Mail is going out" not in own_page
    # The warning on each page says it, too.
    assert own_page.count("rejected the user name or password") == 2
    assert "Mail is not going out" in administrator.get("/users").text
