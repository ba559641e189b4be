"""The certificate of the mail server, recorded when email or a test is sent, or by a job."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from tests.mail.page import PAGE, custom, saved
from tests.support.browser import Browser
from tests.support.certificates import Authority
from tests.support.inbox import PASSWORD, USERNAME, Inbox, running_inbox
from tests.support.scripted import ScriptedServer
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.mail import jobs
from webapp.mail.models import MailServer
from webapp.outbox import service as outbox

pytestmark = pytest.mark.one_database
END = datetime(2126, 5, 3, tzinfo=UTC)


@pytest.fixture(params=["starttls", "tls"])
def inbox(request: pytest.FixtureRequest, authority: Authority, state: AppState) -> Iterator[Inbox]:
    """The saved mail server, whose certificate expires in a hundred years."""
    with running_inbox(authority, request.param, until=END) as inbox:
        inbox.save_to(state)
        yield inbox


def form_of(inbox: Inbox) -> dict[str, str]:
    return custom(host=inbox.host, port=str(inbox.port), security=inbox.security, username=USERNAME, password=PASSWORD)


def test_sending_email_records_the_certificate(inbox: Inbox, state: AppState, deliver: Callable[[], None]) -> None:
    with state.database.transaction() as session:
        outbox.enqueue(session, "test", "eve@people.example")
    updated_at = saved(state).updated_at
    deliver()
    server = saved(state)
    assert (server.certificate_expires_at, server.updated_at) == (END, updated_at)


def test_a_test_send_records_the_certificate(inbox: Inbox, state: AppState, administrator: Browser) -> None:
    page = administrator.submit(PAGE, button="test", test_recipient="eve@people.example", **form_of(inbox))
    assert "3 May 2126" in page.text
    assert saved(state).certificate_expires_at == END


def test_a_test_send_says_that_the_certificate_was_seen_now(
    inbox: Inbox, state: AppState, administrator: Browser
) -> None:
    for hours in (0, 20):
        with time_machine.travel(datetime(2026, 12, 24, 12, tzinfo=UTC) + timedelta(hours=hours), tick=False):
            administrator.start_session()
            page = administrator.submit(PAGE, button="test", test_recipient="eve@people.example", **form_of(inbox))
            assert saved(state).certificate_seen_at == clock.now()
    assert "Last checked on 25 Dec 2026." in page.text


@pytest.mark.parametrize(("name", "value"), [("host", "smtp.example.org"), ("provider_fields", {"region": "us"})])
def test_a_test_send_through_another_server_records_nothing(
    inbox: Inbox, state: AppState, administrator: Browser, name: str, value: object
) -> None:
    with state.database.transaction() as session:
        setattr(session.get_one(MailServer, saved(state).id), name, value)
    administrator.submit(PAGE, button="test", test_recipient="eve@people.example", **form_of(inbox))
    assert inbox.messages
    assert saved(state).certificate_expires_at is None


def test_an_unchanged_certificate_is_recorded_once_a_day(
    inbox: Inbox, state: AppState, deliver: Callable[[], None]
) -> None:
    recorded = []
    for hours in (0, 2, 26):
        with time_machine.travel(clock.now() + timedelta(hours=hours), tick=False):
            with state.database.transaction() as session:
                outbox.enqueue(session, "test", "eve@people.example")
            deliver()
            recorded.append((clock.now() - (saved(state).certificate_seen_at or clock.now())) // timedelta(hours=1))
    assert recorded == [0, 2, 0]


def test_the_job_checks_the_certificate_when_no_email_was_sent_for_a_day(inbox: Inbox, state: AppState) -> None:
    jobs.check_certificate(clock.now())
    assert saved(state).certificate_expires_at is None
    with time_machine.travel(clock.now() + timedelta(hours=26)):
        jobs.check_certificate(clock.now())
    assert saved(state).certificate_expires_at == END
    assert inbox.messages == []


def test_a_server_that_is_down_keeps_its_recorded_certificate(state: AppState, authority: Authority) -> None:
    with running_inbox(authority, until=END) as inbox:
        inbox.save_to(state)
        jobs.check_certificate(clock.now() + timedelta(days=2))
    jobs.check_certificate(clock.now() + timedelta(days=4))
    assert saved(state).certificate_expires_at == END


def test_a_connection_without_encryption_is_not_checked(state: AppState) -> None:
    with ScriptedServer() as server:
        with state.database.transaction() as session:
            values = {"provider": "custom", "mail_from": "m@mailroom.example", "host": "127.0.0.1"}
            session.add(
                MailServer(
                    position=0, name="Custom", port=server.port, security="none", updated_at=clock.now(), **values
                )
            )
        jobs.check_certificate(clock.now() + timedelta(days=2))
        assert server.connections == 0


@pytest.mark.parametrize("change", [{"port": "2526"}, {"host": "smtp.example.com"}, {"security": "none"}])
def test_saving_another_server_forgets_the_certificate(
    inbox: Inbox, state: AppState, administrator: Browser, change: dict[str, str]
) -> None:
    administrator.submit(PAGE, button="test", test_recipient="eve@people.example", **form_of(inbox))
    administrator.submit(PAGE, button="save", **form_of(inbox) | {"timeout": "11"})
    assert saved(state).certificate_expires_at == END
    administrator.submit(PAGE, button="save", **form_of(inbox) | change)
    assert saved(state).certificate_expires_at is None
