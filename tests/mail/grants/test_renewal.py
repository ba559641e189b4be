"""Access tokens are refreshed in time, whatever the provider does."""

from datetime import date, timedelta
from typing import Any

import pytest

from tests.mail.conftest import later
from tests.support.grants import GrantOwner
from webapp.core import clock, counts, http_client
from webapp.core.counts import Counted
from webapp.mail import jobs
from webapp.mail.grants import service as grants
from webapp.mail.models import GrantStatus
from webapp.mail.oauth.errors import GrantMissing, OAuthError, ProviderUnavailable, TokenRefused, Unanswered

pytestmark = pytest.mark.one_database


def test_a_token_is_used_until_five_minutes_before_it_expires(granted: GrantOwner) -> None:
    first = granted.tokens.get().value
    with later(minutes=54):
        assert granted.tokens.get().value == first
    with later(minutes=56):
        second = granted.tokens.get().value
        assert second != first
        assert granted.provider.knows(second)
    assert granted.provider.asked == ["refresh_token"]


def test_a_token_that_lives_a_minute_is_not_refreshed_for_every_use(granted: GrantOwner) -> None:
    granted.provider.lifetime = timedelta(seconds=60)
    granted.tokens.refresh()
    for _ in range(3):
        granted.tokens.get()
    assert granted.provider.asked == ["refresh_token"]


def test_every_rotated_refresh_token_is_saved(granted: GrantOwner) -> None:
    for hours in range(1, 6):
        with later(hours=hours):
            granted.tokens.get()
    assert granted.provider.asked == ["refresh_token"] * 5
    assert granted.provider.reuses == 0


def test_a_refresh_token_that_is_not_rotated_is_kept(granted: GrantOwner) -> None:
    granted.provider.rotates = False
    for hours in (1, 2):
        with later(hours=hours):
            assert granted.provider.knows(granted.tokens.get().value)


@pytest.mark.parametrize("fault", ["500", "503", "302", "403", "html", "drop"])
def test_a_temporary_failure_is_not_remembered(granted: GrantOwner, fault: str) -> None:
    granted.provider.misbehave(fault, fault)
    with later(hours=1):
        for _ in range(2):
            with pytest.raises(OAuthError):
                granted.tokens.get()
        assert granted.grant.status == GrantStatus.GENERATED
        assert granted.provider.knows(granted.tokens.get().value)
    assert granted.grant.failure is None
    assert granted.provider.reuses == 0


def test_a_valid_token_is_used_while_the_provider_is_unavailable(granted: GrantOwner) -> None:
    granted.provider.misbehave("500")
    with later(minutes=56):
        assert granted.provider.knows(granted.tokens.get().value)
        assert granted.grant.failure is not None


def test_a_daily_refresh_that_fails_is_repeated_after_a_quarter_of_an_hour(granted: GrantOwner) -> None:
    granted.provider.misbehave("500", "500")
    for minutes, failed in [(0, True), (14, True), (16, True), (32, False)]:
        with later(days=1.1, minutes=minutes):
            jobs.refresh_grants(clock.now())
            assert (granted.grant.failure is not None) is failed
    assert granted.provider.asked == ["refresh_token"]


def test_a_revoked_grant_needs_the_administrator_and_is_not_retried(granted: GrantOwner) -> None:
    granted.provider.revoke()
    with later(hours=1):
        for _ in range(3):
            with pytest.raises(TokenRefused, match="has been revoked"):
                granted.tokens.get()
    grant = granted.grant
    assert (grant.status, granted.provider.asked) == (GrantStatus.ACTION_REQUIRED, ["refresh_token"])
    assert grant.failure_reply.startswith("invalid_grant The refresh token •••••• has been revoked")
    granted.authorize()
    assert (granted.grant.status, granted.grant.failure) == (GrantStatus.GENERATED, None)


def test_an_unknown_error_does_not_end_a_grant(granted: GrantOwner) -> None:
    granted.provider.rotates = False
    granted.provider.answers = {"error": "too_many_requests", "error_description": "Trace ID: 1"}
    with later(hours=1), pytest.raises(ProviderUnavailable, match=r"^too_many_requests$"):
        granted.tokens.get()
    assert granted.grant.status == GrantStatus.GENERATED


def test_a_slow_reply_of_a_provider_is_abandoned(granted: GrantOwner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "TIMEOUT", 1)
    granted.provider.misbehave("drip", "stall")
    for hours in (1, 2):
        with later(hours=hours), pytest.raises(Unanswered, match="token_url_no_reply"):
            granted.tokens.get()


@pytest.mark.parametrize(("days", "asked"), [(0.9, []), (1.1, ["refresh_token"]), (89, ["refresh_token"])])
def test_an_unused_grant_is_refreshed_daily(granted: GrantOwner, days: float, asked: list[str]) -> None:
    with later(days=days):
        jobs.refresh_grants(clock.now())
        jobs.refresh_grants(clock.now())
    assert granted.provider.asked == asked


def test_a_refresh_token_that_lives_an_hour_is_used_after_half_an_hour(owner: GrantOwner) -> None:
    owner.provider.answers = {"refresh_token_expires_in": 3600}
    owner.save()
    owner.authorize()
    assert owner.grant.refresh_deadline == owner.grant.refresh_expires_at
    with later(minutes=31):
        jobs.refresh_grants(clock.now())
    assert owner.provider.asked[-1] == "refresh_token"


CHANGES = [
    ({"provider": "google", "authentication": "authorization_code"}, True),
    ({"authentication": "password"}, True),
    ({"authentication": "client_credentials"}, True),
    ({"username": "another@mailroom.example"}, True),
    ({"client_id": "another"}, True),
    ({"secrets": {"client_secret": "another"}}, True),
    ({"authorize_url": "https://other.example/authorize"}, True),
    ({"token_url": "https://other.example/token"}, True),
    ({"scopes": "mail.send"}, True),
    ({"timeout": 11}, False),
    ({"secret_expires_on": date(2027, 6, 3)}, False),
    ({"mail_from": "x@mailroom.example"}, False),
    ({"host": "smtp.other.example"}, False),
    ({}, False),
]


@pytest.mark.parametrize(("change", "discarded"), CHANGES)
def test_a_grant_is_not_used_with_other_settings(granted: GrantOwner, change: dict[str, Any], discarded: bool) -> None:
    granted.save(**change)
    with granted.state.database.read() as session:
        grant = grants.get(session, granted.server.id)
    kept = grant is not None and grant.sealed_refresh_token != ""
    assert kept is not discarded


def test_a_grant_without_a_client_secret_is_not_used_when_email_goes_elsewhere(owner: GrantOwner) -> None:
    owner.provider.public = True
    owner.save(secrets={"client_secret": ""})
    owner.authorize()
    owner.save(secrets={"client_secret": ""}, timeout=11)
    assert owner.grant.status == GrantStatus.GENERATED
    owner.save(secrets={"client_secret": ""}, host="smtp.attacker.example")
    assert owner.grant.status == GrantStatus.NONE


def test_tokens_for_a_discarded_grant_are_not_saved(granted: GrantOwner) -> None:
    source = granted.tokens
    granted.save(authentication="none")
    with later(hours=1), pytest.raises(GrantMissing):
        source.get()


def test_refreshes_are_counted_by_their_result(granted: GrantOwner) -> None:
    granted.tokens.refresh()
    granted.tokens.get()
    granted.provider.misbehave("500")
    with pytest.raises(OAuthError):
        granted.tokens.refresh()
    with granted.state.database.read() as session:
        found = counts.totals(session, "refreshes")
    assert found == {Counted("refreshes", "refreshed"): 1, Counted("refreshes", "failed"): 1}


def test_a_worker_with_the_former_settings_gets_no_token_of_those_put_to_use_meanwhile(granted: GrantOwner) -> None:
    former = granted.tokens
    granted.provider.answers = {"scope": "mail.send other"}
    granted.save(scopes="mail.send other")
    granted.authorize()
    granted.save(scopes="mail.send other", secrets={"client_secret": ""})
    assert granted.tokens.get().value
    with pytest.raises(GrantMissing):
        former.get()
