"""The last day of a client secret or key, as an administrator enters it."""

from datetime import date, timedelta
from typing import Any

import pytest

from tests.mail.page import PAGE, custom, error_at, saved
from tests.mail.server_page.authorization import authorize, oauth_form, return_with
from tests.support.authorization import AuthorizationServer
from tests.support.browser import Browser
from tests.support.grants import GrantOwner
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.mail.models import GrantStatus

pytestmark = pytest.mark.one_database
BLANK: dict[str, Any] = {"secrets": {"client_secret": ""}}
MAY, JUNE = date(2027, 5, 3), date(2027, 6, 3)


@pytest.fixture
def granted(owner: GrantOwner) -> GrantOwner:
    """An administrator with a grant, whose client secret expires in May."""
    owner.save(secret_expires_on=MAY)
    owner.authorize()
    return owner


@pytest.mark.parametrize("day", [MAY, JUNE, None])
def test_another_day_needs_no_secret_and_keeps_the_grant(granted: GrantOwner, day: date) -> None:
    granted.save(secret_expires_on=day, **BLANK)
    assert granted.server.secret_expires_on == day
    assert granted.grant.status == GrantStatus.GENERATED


def test_the_day_stays_unless_a_draft_names_it(granted: GrantOwner) -> None:
    granted.save(timeout=11, **BLANK)
    assert granted.server.secret_expires_on == MAY


def test_the_day_goes_with_the_secret(granted: GrantOwner) -> None:
    granted.save(authentication="none", secret_expires_on=MAY, **BLANK)
    assert granted.server.secret_expires_on is None


def test_there_is_no_day_without_a_secret(owner: GrantOwner) -> None:
    owner.save(secret_expires_on=MAY, **BLANK)
    assert owner.server.secret_expires_on is None


def test_a_day_that_is_near_raises_a_warning_at_once(
    administrator: Browser, provider: AuthorizationServer, parts: AppState
) -> None:
    return_with(administrator, authorize(administrator, provider))
    near = clock.now().date() + timedelta(days=5)
    page = administrator.submit(PAGE, "save", secret_expires_on=near)
    assert saved(parts).secret_expires_on == near
    assert "client secret expires on" in page.text
    assert "Access token status: Generated" in page.text


@pytest.mark.parametrize("day", ["tomorrow", "2026-02-30", "31/12/2027", "2027-12-31T00:00", "9" * 400])
def test_what_is_no_day_is_reported_and_not_saved(
    administrator: Browser, provider: AuthorizationServer, parts: AppState, day: str
) -> None:
    administrator.submit(PAGE, "save", **oauth_form(provider, secret_expires_on="2027-05-03"))
    page = administrator.submit(PAGE, "save", secret_expires_on=day)
    assert error_at(page, "secret_expires_on").startswith("Enter a date")
    assert saved(parts).secret_expires_on == MAY


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_the_first_and_the_last_possible_day_break_no_page(
    administrator: Browser, provider: AuthorizationServer, parts: AppState, day: str
) -> None:
    page = administrator.submit(PAGE, "save", **oauth_form(provider, secret_expires_on=day))
    assert page.status_code == 200
    assert 'id="expiries"' in page.text
    assert str(saved(parts).secret_expires_on) == day


def test_a_form_without_the_field_keeps_the_day(administrator: Browser, parts: AppState) -> None:
    fields = custom(
        authentication="client_credentials", client_id="a", client_secret="b", token_url="https://a.example"
    )
    administrator.submit(PAGE, "save", **fields, secret_expires_on="2027-05-03")
    form = fields | {"timeout": "11", "csrf_token": administrator.csrf_token(), "save": "1", "client_secret": ""}
    administrator.client.post(PAGE, data=form)
    assert (saved(parts).timeout, saved(parts).secret_expires_on) == (11, MAY)


def test_the_day_is_kept_for_its_provider(administrator: Browser) -> None:
    page = administrator.submit(PAGE, "choose", provider="google", secret_expires_on="2027-05-03")
    assert 'value="2027-05-03"' not in page.text
    page = administrator.submit_on(page, button="choose", provider="custom")
    assert 'value="2027-05-03"' in page.text
