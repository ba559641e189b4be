"""Home: whether email is being delivered, and if not, since when and why."""

from collections.abc import Callable
from datetime import timedelta
from importlib.metadata import version

import pytest
import time_machine

from tests.conftest import Enqueue
from tests.support.browser import Browser
from tests.support.inbox import Inbox
from tests.support.users import add_user
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.settings import service as settings

Act = Callable[[], None]


@pytest.mark.one_database
def test_a_member_only_sees_who_is_signed_in(member: Browser) -> None:
    page = member.get("/").text
    assert "re signed in as Max" in page
    assert "Get started" not in page


@pytest.mark.one_database
def test_administrators_see_the_version_on_every_page(administrator: Browser, member: Browser) -> None:
    assert f">Mailroom {version('mailroom')}</footer>" in administrator.get("/").text
    assert f">Mailroom {version('mailroom')}</footer>" in administrator.get("/settings/mail").text
    assert "</footer>" not in member.get("/").text


def test_home_lists_what_a_new_installation_needs(administrator: Browser, state: AppState, inbox: Inbox) -> None:
    with state.database.transaction() as session:
        settings.save_general(session, "", "Mailroom", "")
    page = administrator.get("/").text
    assert '<a href="/settings/general">Set the public URL</a>' in page
    assert '<a href="/users/new">Create the first user</a>' in page
    assert '<a href="/settings/mail">Set up the mail server</a>' not in page


@pytest.mark.one_database
def test_a_public_url_that_only_works_here_is_still_to_be_set(administrator: Browser, state: AppState) -> None:
    with state.database.transaction() as session:
        settings.save_general(session, "http://127.0.0.1:8000", "Mailroom", "")
    page = administrator.get("/").text
    assert '<a href="/settings/general">Set the public URL</a>' in page
    assert "only works on this machine" in page


def test_home_says_that_mail_is_going_out(
    administrator: Browser, enqueue: Enqueue, inbox: Inbox, deliver: Act, database: Database
) -> None:
    add_user(database, "eve@people.example")
    enqueue()
    deliver()
    page = administrator.get("/").text
    assert "Mail is going out" in page
    assert "Get started" not in page


def test_home_says_since_when_and_why_mail_is_not_going_out(
    administrator: Browser, enqueue: Enqueue, inbox: Inbox, deliver: Act
) -> None:
    inbox.password = "another one"
    enqueue()
    with time_machine.travel(clock.now().replace(minute=7, second=0) - timedelta(days=1)):
        enqueue()
        deliver()
    deliver()
    page = administrator.get("/").text
    assert "Mail is not going out" in page
    assert ":07 UTC" in page
    assert "user name" in page
    assert "535" in page
