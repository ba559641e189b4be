"""Whether email goes out with a revision, and when a change can be rolled back."""

from collections.abc import Callable

import pytest

from tests.mail.conftest import later
from tests.mail.page import PAGE
from tests.mail.revisions.conftest import CLOSED, WITHOUT_SIGN_IN, revisions_of
from tests.support.browser import Browser
from tests.support.grants import GrantOwner
from tests.support.scripted import ScriptedServer

Send = Callable[[], None]


def fail(owner: GrantOwner, send: Send) -> None:
    """Use settings that don't work, and have an email tried."""
    owner.save(port=CLOSED, **WITHOUT_SIGN_IN)
    send()


def test_a_change_after_which_email_fails_can_be_rolled_back(working: GrantOwner, send: Send) -> None:
    fail(working, send)
    before, failing = revisions_of(working)
    assert before.worked_at is not None
    assert (failing.rollback_to, failing.failures, failing.failure_stage) == (1, 1, "connect")


@pytest.mark.one_database
def test_nothing_is_rolled_back_from_settings_that_worked_or_to_settings_that_failed_in_the_end(
    working: GrantOwner, server: ScriptedServer, scripted: Callable[..., ScriptedServer], send: Send
) -> None:
    other = scripted(tls="none")
    working.save(port=other.port, **WITHOUT_SIGN_IN)
    send()
    other.close()
    with later(seconds=31):
        send()
        second = revisions_of(working)[-1]
        assert (second.failures, second.rollback_to) == (1, None)
        fail(working, send)
    third = revisions_of(working)[-1]
    assert (third.failures, third.rollback_to) == (1, None)


@pytest.mark.one_database
def test_the_sender_has_nothing_to_do_with_connecting(working: GrantOwner) -> None:
    working.save(port=revisions_of(working)[0].values["port"], **WITHOUT_SIGN_IN, mail_from="new@mailroom.example")
    assert [one.worked_at is not None for one in revisions_of(working)] == [True, True]


def test_the_failures_of_one_moment_are_one(working: GrantOwner, send: Send) -> None:
    fail(working, send)
    send()
    assert revisions_of(working)[-1].failures == 1
    with later(seconds=20):
        send()
    assert revisions_of(working)[-1].failures == 2


@pytest.mark.one_database
def test_a_refused_email_is_no_failure_of_the_settings(
    working: GrantOwner, scripted: Callable[..., ScriptedServer], send: Send
) -> None:
    working.save(port=scripted(tls="none", replies={"MAIL": "550 5.7.1 no"}).port, **WITHOUT_SIGN_IN)
    send()
    assert (revisions_of(working)[-1].failures, revisions_of(working)[-1].rollback_to) == (0, None)


@pytest.mark.one_database
def test_a_test_email_through_the_server_in_use_shows_that_it_works(
    administrator: Browser, owner: GrantOwner, scripted: Callable[..., ScriptedServer]
) -> None:
    owner.save(port=scripted(tls="none").port, **WITHOUT_SIGN_IN)
    administrator.submit(PAGE, "test", test_recipient="eve@example.org")
    assert revisions_of(owner)[-1].worked_at is not None
