"""The last day of a client secret or key, as an administrator enters it."""

from datetime import date, timedelta
from typing import Any

import pytest

from tests.mail.page import PAGE, saved
from tests.mail.server_page.authorization import authorize, return_with
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


def test_there_is_no_day_without_a_secret(granted: GrantOwner) -> None:
    granted.save(authentication="none", secret_expires_on=MAY, **BLANK)
    assert granted.server.secret_expires_on is None


def test_a_day_that_is_near_raises_a_warning_at_once(
    administrator: Browser, provider: AuthorizationServer, parts: AppState
) -> None:
    return_with(administrator, authorize(administrator, provider))
    near = clock.now().date() + timedelta(days=5)
    page = administrator.submit(PAGE, "save", secret_expires_on=near)
    assert saved(parts).secret_expires_on == near
    assert "client secret expires on" in page.text
    assert "Access token status: Generated" in page.text


def test_the_day_is_kept_for_its_provider(administrator: Browser) -> None:
    page = administrator.submit(PAGE, "choose", provider="google", secret_expires_on="2027-05-03")
    assert 'value="2027-05-03"' not in page.text
    page = administrator.submit_on(page, button="choose", provider="custom")
    assert 'value="2027-05-03"' in page.text
