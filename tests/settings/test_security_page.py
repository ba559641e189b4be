"""The Security page."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import select

from tests.support.browser import Browser
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.outbox.models import Message
from webapp.settings.security import SecurityPolicy, security

PAGE = "/settings/security"


def saved(parts: AppState) -> SecurityPolicy:
    with parts.database.read() as session:
        return security(session)


def test_an_administrator_saves_rules_times_and_locks(administrator: Browser, parts: AppState) -> None:
    administrator.submit(PAGE, password_length=12, password_common=False, reset=2, reset_unit=60, lock_after=5)
    page = administrator.submit(PAGE, idle=3, idle_unit=24 * 60)
    expected: dict[str, Any] = {"password_length": 12, "password_common": False, "reset_minutes": 120, "lock_after": 5}
    assert "Saved." in page.text
    assert saved(parts) == replace(SecurityPolicy(), **expected, idle_minutes=3 * 24 * 60)


@pytest.mark.one_database
def test_a_time_is_shown_in_the_unit_that_fits(administrator: Browser) -> None:
    page = administrator.submit(PAGE, reset=120, reset_unit=1)
    assert 'value="2"' in page.text.partition('id="reset"')[2].partition(">")[0]


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("password_length", "7", "Enter a whole number from 8 to 64."),
        ("password_length", "1e309", "Enter a whole number from 8 to 64."),
        ("password_upper", "-1", "Enter a whole number from 0 to 10."),
        ("password_upper", "9", "come to 9 already"),
        ("lock_after", "9" * 5000, "Enter a whole number from 3 to 100."),
        ("lock_after", "9" * 309, "Enter a whole number from 3 to 100."),
        ("reset", "4", "from 5 minutes to 7 days"),
        ("reset", "", "Enter a whole number that gives a time from 5 minutes to 7 days."),
        ("idle", "1.5", "Enter a whole number that gives a time from 5 minutes to 90 days."),
        ("reset_unit", "0", "Not a valid choice"),
        ("idle", "90000", "This is longer than “Maximum session length”"),
    ],
)
def test_what_cannot_be_is_refused_beside_its_field(
    administrator: Browser, parts: AppState, field: str, value: str, told: str
) -> None:
    given: dict[str, Any] = {"idle_unit": 1, "reset_unit": 1, field: value}
    page = administrator.submit(PAGE, lock=77, lock_unit=1, **given)
    assert told in page.text
    assert 'value="77"' in page.text
    assert saved(parts) == SecurityPolicy()


@pytest.mark.one_database
def test_a_member_may_not_open_it(member: Browser) -> None:
    assert member.get(PAGE).status_code == 403


@pytest.mark.one_database
def test_a_new_lifetime_holds_for_the_next_mail(administrator: Browser, database: Database) -> None:
    administrator.submit(PAGE, activation=3, activation_unit=60)
    page = administrator.get("/users/new")
    assert "It is good for 3 hours." in page.text
    with time_machine.travel(clock.now(), tick=False):
        administrator.submit_on(page, email="eve@example.com", name="Eve")
        with database.read() as session:
            message = session.scalars(select(Message).where(Message.kind == "activation")).one()
        assert message.expires_at == clock.now() + timedelta(hours=3)
