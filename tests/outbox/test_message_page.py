"""The page of one message: its attempts, what the server said, and the email as its recipient sees it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from tests.conftest import Enqueue
from tests.support.browser import Browser
from tests.support.inbox import Inbox
from tests.support.users import add_user
from webapp.accounts.models import Link, User
from webapp.core import clock
from webapp.core.database import Database
from webapp.mail.models import MailServer
from webapp.outbox.models import Attempt, AttemptResult

Act = Callable[[], None]
Resettable = Callable[[], int]


def add_attempt(database: Database, message_id: int, result: AttemptResult, **values: object) -> None:
    with database.transaction() as session:
        same = {"number": 1, "provider": "custom", "host": "smtp.example", "started_at": clock.now(), "seconds": 0.25}
        session.add(Attempt(message_id=message_id, result=result, **{**same, **values}))


@pytest.mark.one_database
def test_a_sent_message_shows_the_reply_the_queue_id_and_the_message_id(
    administrator: Browser, enqueue: Enqueue, database: Database
) -> None:
    message_id = enqueue()
    reply = "250 2.0.0 Ok: queued as 4Xy7Rn1dTDz9sWF"
    add_attempt(database, message_id, AttemptResult.SENT, reply=reply, header_id="<f00d@mailroom.example>")
    page = administrator.get(f"/outbox/{message_id}")
    assert f'<dd><bdi dir="ltr">{reply}</bdi></dd>' in page.text
    assert '<dd><bdi dir="ltr">4Xy7Rn1dTDz9sWF</bdi></dd>' in page.text
    assert "&lt;f00d@mailroom.example&gt;" in page.text


@pytest.mark.one_database
@pytest.mark.usefixtures("inbox")
def test_a_message_names_the_mail_server_that_sent_it(
    administrator: Browser, enqueue: Enqueue, deliver: Act, database: Database
) -> None:
    message_id = enqueue()
    deliver()
    with database.transaction() as session:
        session.execute(update(MailServer).values(name="Shop"))
    page = administrator.get(f"/outbox/{message_id}").text
    assert "<dt>Mail server</dt><dd><bdi>Shop</bdi></dd>" in page


@pytest.mark.one_database
def test_each_attempt_is_listed_with_its_stage_reply_and_duration(
    administrator: Browser, enqueue: Enqueue, inbox: Inbox, deliver: Act, make_due: Act
) -> None:
    inbox.refusals += ["451 4.7.1 Greylisted", "554 5.6.0 No such content"]
    message_id = enqueue()
    deliver()
    make_due()
    deliver()
    attempts = administrator.get(f"/outbox/{message_id}").text.partition('id="attempts"')[2]
    assert attempts.index("554 5.6.0 No such content") < attempts.index("451 4.7.1 Greylisted")
    assert attempts.count("Message (DATA)") == attempts.count(" ms</td>") == 2


@pytest.mark.one_database
def test_the_conversation_of_the_last_failure_is_folded_in_without_secrets(
    administrator: Browser, enqueue_reset: Resettable, inbox: Inbox, deliver: Act
) -> None:
    inbox.refusals.append("554 5.6.0 No such content")
    message_id = enqueue_reset()
    deliver()
    folded = administrator.get(f"/outbox/{message_id}").text.partition("of the last failure</summary>")[2]
    assert "554 5.6.0 No such content" in folded.partition("</details>")[0]
    assert inbox.password not in folded


def test_the_email_is_shown_in_its_recipients_language_with_a_link_that_does_nothing(
    administrator: Browser, enqueue: Enqueue, database: Database
) -> None:
    user_id = add_user(database, "eve@people.example", name="Eve <b>Müller</b>")
    with database.transaction() as session:
        session.execute(update(User).where(User.id == user_id).values(language="de"))
    message_id = enqueue("reset", user_id=user_id, expires_at=clock.now() + timedelta(hours=1))
    page = administrator.get(f"/outbox/{message_id}")
    html = administrator.get(f"/outbox/{message_id}/html")
    assert f'src="/outbox/{message_id}/html"' in page.text
    assert "Eve &lt;b&gt;Müller&lt;/b&gt;" in html.text
    assert 'lang="de"' in html.text
    assert "/reset-password/PREVIEW-this-link-does-nothing" in html.text
    assert "sandbox" in html.headers["Content-Security-Policy"]


def test_looking_at_a_message_creates_no_link(
    administrator: Browser, enqueue_reset: Resettable, database: Database
) -> None:
    administrator.get(f"/outbox/{enqueue_reset()}/html")
    with database.read() as session:
        assert session.scalar(select(func.count(Link.id))) == 0


@pytest.mark.one_database
def test_a_message_that_is_not_wanted_any_more_is_still_shown(
    administrator: Browser, enqueue: Enqueue, database: Database
) -> None:
    user_id = add_user(database, "eve@people.example", name="Eve")
    message_id = enqueue("activation", user_id=user_id, expires_at=clock.now() + timedelta(hours=1))
    assert "Eve" in administrator.get(f"/outbox/{message_id}/html").text


@pytest.mark.one_database
@pytest.mark.parametrize("data", [{"sessions": "nonsense"}, {}])
def test_a_message_whose_data_are_of_no_use_is_shown_without_the_email(
    administrator: Browser, enqueue: Enqueue, pending: int, data: dict[str, object]
) -> None:
    message_id = enqueue("new_session", user_id=pending, data=data)
    page = administrator.get(f"/outbox/{message_id}")
    assert "eve@people.example" in page.text
    assert "<iframe" not in page.text
    assert administrator.get(f"/outbox/{message_id}/html").status_code == 404
