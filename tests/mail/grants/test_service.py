"""When a grant must be used, and whether a refresh moves that."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from webapp.core.app_state import AppState
from webapp.mail.grants import service as grants
from webapp.mail.models import Grant
from webapp.mail.oauth.responses import TokenResponse
from webapp.providers import OAuth2

pytestmark = pytest.mark.one_database

DAY = timedelta(days=1)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def refresh_daily(state: AppState, lifetimes: list[float | None], method: OAuth2) -> dict[str, Any]:
    """Return the grant after daily refreshes whose responses give these lifetimes of the refresh token, in days."""
    previous, values = None, {}
    for day, days in enumerate(lifetimes):
        life = None if days is None else days * DAY
        tokens = TokenResponse("access", timedelta(hours=1), "refresh", life)
        values = grants.refreshed(tokens, method, state.sealer, previous, NOON + day * DAY)
        previous = Grant(**values)
    return values


# The lifetimes in the responses, the days for which unused tokens are valid, whether the deadline slides.
LIFETIMES = [
    ([7, 7], None, True),
    ([7, 6], None, False),
    ([7, 6], 90, False),
    # The fixed end is far after the deadline that each refresh moves.
    ([365, 364], 10, True),
    ([None, None], 90, True),
    ([None, None], None, None),
    ([7], None, None),
]


@pytest.mark.parametrize(("lifetimes", "unused", "slides"), LIFETIMES)
def test_a_deadline_slides_if_a_refresh_moves_it(
    state: AppState, lifetimes: list[float | None], unused: float | None, slides: bool | None
) -> None:
    method = OAuth2(lapses_after=unused * DAY if unused else None)
    assert refresh_daily(state, lifetimes, method)["refresh_expiry_slides"] is slides


def test_an_application_has_no_refresh_token_that_expires(state: AppState) -> None:
    method = OAuth2(grant_type="client_credentials", lapses_after=90 * DAY)
    values = refresh_daily(state, [0.02, 0.02], method)
    assert values["refresh_deadline"] is None
    assert "sealed_refresh_token" not in values
