"""The last day of a client secret, as an administrator enters it."""

from datetime import date, timedelta
from typing import Any

import pytest

from tests.mail.grants.page import back, begun, typed
from tests.mail.page import PAGE, custom, error_at, saved
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
    """Somebody who has signed in with a client secret that ends in May."""
    owner.save(secret_expires_on=MAY)
    owner.sign_in()
    return owner


@pytest.mark.parametrize("day", [MAY, JUNE, None])
def test_it_is_entered_without_typing_the_secret_again_and_erases_nothing(granted: GrantOwner, day: date) -> None:
    granted.save(secret_expires_on=day, **BLANK)
    assert granted.server.secret_expires_on == day
    assert granted.grant.status == GrantStatus.GENERATED
    assert granted.tokens.get().value


def test_it_stays_where_nobody_says_anything_of_it(granted: GrantOwner) -> None:
    granted.save(timeout=11, **BLANK)
    assert granted.server.secret_expires_on == MAY


def test_it_goes_with_the_secret(granted: GrantOwner) -> None:
    granted.save(authentication="none", secret_expires_on=MAY, **BLANK)
    assert granted.server.secret_expires_on is None


def test_an_application_that_has_no_secret_has_no_last_day(owner: GrantOwner) -> None:
    owner.save(secret_expires_on=MAY, **BLANK)
    assert owner.server.secret_expires_on is None


class TestPage:
    """The same, in the form."""

    def test_a_near_day_is_warned_of_at_once_and_erases_no_grant(
        self, administrator: Browser, provider: AuthorizationServer, parts: AppState
    ) -> None:
        back(administrator, begun(administrator, provider))
        near = clock.now().date() + timedelta(days=5)
        page = administrator.submit(PAGE, "save", secret_expires_on=near)
        assert saved(parts).secret_expires_on == near
        assert "The client secret of the mail server ends on" in page.text
        assert "Access token status: Generated" in page.text

    @pytest.mark.parametrize("day", ["tomorrow", "2026-02-30", "31/12/2027", "2027-12-31T00:00", "9" * 400])
    def test_what_is_no_day_is_told_beside_the_field_and_nothing_is_saved(
        self, administrator: Browser, provider: AuthorizationServer, parts: AppState, day: str
    ) -> None:
        administrator.submit(PAGE, "save", **typed(provider, secret_expires_on="2027-05-03"))
        page = administrator.submit(PAGE, "save", secret_expires_on=day)
        assert error_at(page, "secret_expires_on").startswith("Enter a day")
        assert saved(parts).secret_expires_on == MAY

    @pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
    def test_the_first_and_the_last_day_there_is_break_no_page(
        self, administrator: Browser, provider: AuthorizationServer, parts: AppState, day: str
    ) -> None:
        page = administrator.submit(PAGE, "save", **typed(provider, secret_expires_on=day))
        assert page.status_code == 200
        assert 'id="expiries"' in page.text
        assert str(saved(parts).secret_expires_on) == day

    def test_a_form_that_does_not_send_it_keeps_it(self, administrator: Browser, parts: AppState) -> None:
        fields = custom(
            authentication="client_credentials", client_id="a", client_secret="b", token_url="https://a.example"
        )
        administrator.submit(PAGE, "save", **fields, secret_expires_on="2027-05-03")
        form = fields | {"timeout": "11", "csrf_token": administrator.csrf_token(), "save": "1", "client_secret": ""}
        administrator.client.post(PAGE, data=form)
        assert (saved(parts).timeout, saved(parts).secret_expires_on) == (11, MAY)

    def test_it_stays_behind_with_its_provider(self, administrator: Browser) -> None:
        page = administrator.submit(PAGE, "choose", provider="google", secret_expires_on="2027-05-03")
        assert 'value="2027-05-03"' not in page.text
        page = administrator.submit_on(page, button="choose", provider="custom")
        assert 'value="2027-05-03"' in page.text
