"""When a grant lapses, and whether renewing moves that on."""

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


def renewed_daily(parts: AppState, told: list[float | None], method: OAuth2) -> dict[str, Any]:
    """The grant after renewals a day apart, whose refresh tokens live for so many days, as they are told."""
    former, values = None, {}
    for day, days in enumerate(told):
        life = None if days is None else days * DAY
        tokens = TokenResponse("access", timedelta(hours=1), "refresh", life)
        values = grants.refreshed(tokens, method, parts.sealer, former, NOON + day * DAY)
        former = Grant(**values)
    return values


# What the provider tells at each renewal, the days for which it keeps unused tokens, whether the end moves.
TOLD = [
    ([7, 7], None, True),
    ([7, 6], None, False),
    ([7, 6], 90, False),
    # The end that it tells is fixed, and far behind the one that each renewal moves on.
    ([365, 364], 10, True),
    ([None, None], 90, True),
    ([None, None], None, None),
    ([7], None, None),
]


@pytest.mark.parametrize(("told", "unused", "moves"), TOLD)
def test_a_deadline_slides_if_a_refresh_moves_it(
    parts: AppState, told: list[float | None], unused: float | None, moves: bool | None
) -> None:
    method = OAuth2(lapses_after=unused * DAY if unused else None)
    assert renewed_daily(parts, told, method)["refresh_expiry_slides"] is moves


def test_an_application_has_no_refresh_token_that_expires(parts: AppState) -> None:
    method = OAuth2(grant_type="client_credentials", lapses_after=90 * DAY)
    values = renewed_daily(parts, [0.02, 0.02], method)
    assert values["refresh_deadline"] is None
    assert "sealed_refresh_token" not in values
