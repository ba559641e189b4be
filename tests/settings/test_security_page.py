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
from webapp.settings.service import SecurityPolicy, security

PAGE = "/settings/security"


def saved(state: AppState) -> SecurityPolicy:
    with state.database.read() as session:
        return security(session)


def test_an_administrator_saves_the_settings(administrator: Browser, state: AppState) -> None:
    fields: dict[str, Any] = {"password_min_length": 12, "password_reject_common": False, "lockout_threshold": 5}
    administrator.submit(PAGE, reset=2, reset_unit=60, **fields)
    page = administrator.submit(PAGE, session_idle=3, session_idle_unit=24 * 60)
    expected = replace(SecurityPolicy(), reset_minutes=120, session_idle_minutes=3 * 24 * 60, **fields)
    assert "Saved." in page.text
    assert saved(state) == expected


@pytest.mark.one_database
def test_a_duration_is_shown_in_the_largest_unit_that_fits(administrator: Browser) -> None:
    page = administrator.submit(PAGE, reset=120, reset_unit=1)
    assert 'value="2"' in page.text.partition('id="reset"')[2].partition(">")[0]


INVALID = [
    ("password_min_length", "7", "Enter a whole number from 8 to 64."),
    ("password_min_length", "1e309", "Enter a whole number from 8 to 64."),
    ("password_min_length", "1_0", "Enter a whole number from 8 to 64."),
    ("password_min_uppercase", "-1", "Enter a whole number from 0 to 10."),
    ("password_min_uppercase", "9", "already add up to 9 characters"),
    ("audit_retention_days", "29", "Enter 0, or a whole number from 30 to 3650."),
    ("audit_retention_days", "3651", "Enter 0, or a whole number from 30 to 3650."),
    ("lockout_threshold", "9" * 5000, "Enter a whole number from 3 to 100."),
    ("lockout_threshold", "9" * 309, "Enter a whole number from 3 to 100."),
    ("reset", "4", "from 5 minutes to 7 days"),
    ("reset", "", "Enter a whole number that gives a time from 5 minutes to 7 days."),
    ("session_idle", "1.5", "Enter a whole number that gives a time from 5 minutes to 90 days."),
    ("reset_unit", "0", "Not a valid choice"),
    ("session_idle", "90000", "be longer than the maximum session length below."),
]


@pytest.mark.one_database
def test_an_invalid_value_comes_back_with_its_error(administrator: Browser, state: AppState) -> None:
    for field, value, message in INVALID:
        given: dict[str, Any] = {"session_idle_unit": 1, "reset_unit": 1, field: value}
        page = administrator.submit(PAGE, lockout=77, lockout_unit=1, **given)
        assert message in page.text
        assert 'value="77"' in page.text
        assert saved(state) == SecurityPolicy()


@pytest.mark.one_database
@pytest.mark.parametrize("days", ["90", "٩٠", "９０"])
def test_a_number_may_be_in_the_digits_of_any_script(administrator: Browser, state: AppState, days: str) -> None:
    administrator.submit(PAGE, audit_retention_days=days)
    assert saved(state).audit_retention_days == 90


@pytest.mark.one_database
def test_a_new_link_lifetime_applies_to_the_next_email(administrator: Browser, database: Database) -> None:
    administrator.submit(PAGE, activation=3, activation_unit=60)
    page = administrator.get("/users/new")
    assert "3 hours" in page.text
    with time_machine.travel(clock.now(), tick=False):
        administrator.submit_on(page, email="eve@example.com", name="Eve")
        with database.read() as session:
            message = session.scalars(select(Message).where(Message.kind == "activation")).one()
        assert message.expires_at == clock.now() + timedelta(hours=3)
