"""What ends when, and from when on it is warned of."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine

from tests.support.grants import GrantOwner
from webapp.core.app_state import AppState
from webapp.mail.expiry import service as expiries
from webapp.mail.expiry.certificates import record
from webapp.mail.expiry.service import Expiry, ExpiryState, ExpirySubject, Known
from webapp.mail.models import GrantStatus
from webapp.mail.transport.smtp import Certificate

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)
NOTHING = Known("password", "none", None, None, None, None, None, None, None, None, None)
SECRET = replace(NOTHING, authentication="client_credentials")
SEEN = replace(NOTHING, security="starttls")
SIX_DAYS_LEFT = {"last_refresh_at": NOON - DAY, "refresh_deadline": NOON + 6 * DAY}
GRANTED = replace(
    NOTHING,
    status=GrantStatus.GENERATED,
    granted_at=NOON - 9 * DAY,
    last_refresh_at=NOON,
    refresh_deadline=NOON + 90 * DAY,
)


def present(known: Known, **facts: Any) -> dict[ExpirySubject, ExpiryState]:
    return {one.what: one.state for one in expiries.expiries(replace(known, **facts), NOON)}


def test_a_password_over_a_bare_line_has_no_end() -> None:
    assert present(NOTHING) == {}
    assert present(NOTHING, secret_expires_on=date(2026, 11, 24)) == {}


SECRETS = [
    (None, ExpiryState.UNKNOWN),
    (date(2026, 12, 8), ExpiryState.HOLDS),
    (date(2026, 12, 7), ExpiryState.SOON),
    (date(2026, 11, 23), ExpiryState.SOON),
    (date(2026, 11, 22), ExpiryState.ENDED),
    # The first and the last day that can be typed.
    (date.min, ExpiryState.ENDED),
    (date.max, ExpiryState.HOLDS),
]


@pytest.mark.parametrize(("day", "state"), SECRETS)
def test_a_secret_is_good_on_its_whole_last_day(day: date | None, state: ExpiryState) -> None:
    assert present(SECRET, secret_expires_on=day) == {ExpirySubject.CLIENT_SECRET: state}


def test_a_service_account_has_a_key() -> None:
    known = present(SECRET, authentication="service_account", secret_expires_on=date(2026, 11, 30))
    assert known == {ExpirySubject.SERVICE_ACCOUNT_KEY: ExpiryState.SOON}


# Days of its whole life, and days until its end.
CERTIFICATES = [
    (90, 15, ExpiryState.HOLDS),
    (90, 14, ExpiryState.SOON),
    (90, 0, ExpiryState.ENDED),
    (6, 5, ExpiryState.HOLDS),
    (6, 2, ExpiryState.HOLDS),
    (6, 1, ExpiryState.SOON),
    (6, -1, ExpiryState.ENDED),
]


@pytest.mark.parametrize(("life", "left", "state"), CERTIFICATES)
def test_a_certificate_that_is_always_young_is_warned_of_later(life: float, left: float, state: ExpiryState) -> None:
    end = NOON + left * DAY
    known = present(SEEN, certificate_since=end - life * DAY, certificate_expires_at=end)
    assert known == {ExpirySubject.CERTIFICATE: state}


def test_a_certificate_that_nobody_saw_yet_is_not_known() -> None:
    assert present(SEEN) == {ExpirySubject.CERTIFICATE: ExpiryState.UNKNOWN}


GRANTS = [
    ({}, ExpiryState.HOLDS),
    ({"refresh_deadline": None}, ExpiryState.HOLDS),
    # Renewed daily, so its end moves on; unless that fails for weeks.
    ({"last_refresh_at": NOON - 75 * DAY, "refresh_deadline": NOON + 15 * DAY}, ExpiryState.HOLDS),
    ({"last_refresh_at": NOON - 76 * DAY, "refresh_deadline": NOON + 14 * DAY}, ExpiryState.SOON),
    (SIX_DAYS_LEFT, ExpiryState.HOLDS),
    (
        {"last_refresh_at": NOON - DAY, "refresh_deadline": NOON + 6 * DAY, "refresh_expiry_slides": True},
        ExpiryState.HOLDS,
    ),
    # Google, while the application is in testing: seven days, whatever we do.
    (
        {"last_refresh_at": NOON - DAY, "refresh_deadline": NOON + 6 * DAY, "refresh_expiry_slides": False},
        ExpiryState.SOON,
    ),
    ({"refresh_deadline": NOON}, ExpiryState.ENDED),
    ({"status": GrantStatus.ACTION_REQUIRED, "failed_at": NOON}, ExpiryState.REFUSED),
    ({"status": GrantStatus.NONE, "granted_at": None}, ExpiryState.UNKNOWN),
    # It never worked, so somebody is setting it up.
    ({"status": GrantStatus.ACTION_REQUIRED, "granted_at": None}, ExpiryState.UNKNOWN),
]


@pytest.mark.parametrize(("facts", "state"), GRANTS)
def test_a_grant_is_warned_of_when_it_will_end_or_was_refused(facts: dict[str, Any], state: ExpiryState) -> None:
    assert present(GRANTED, **facts) == {ExpirySubject.GRANT: state}


def test_an_end_that_mailroom_moves_on_is_known_from_one_that_it_cannot() -> None:
    for moves, known in ((True, {"refresh_expiry_slides": None}), (False, {"refresh_expiry_slides": False})):
        (grant,) = expiries.expiries(replace(GRANTED, **known), NOON)
        assert (grant.state, grant.moves) == (ExpiryState.HOLDS, moves)


@pytest.mark.one_database
def test_a_refresh_token_that_ends_whatever_we_do_is_known_after_one_renewal(owner: GrantOwner) -> None:
    owner.provider.rotates = False
    owner.provider.answers = {"refresh_token_expires_in": 7 * 86_400}
    owner.save()
    with time_machine.travel(NOON):
        owner.sign_in()
    ends = owner.grant.refresh_expires_at
    owner.provider.answers = {"refresh_token_expires_in": 7 * 86_400 - 7_200}
    with time_machine.travel(NOON + timedelta(hours=2)):
        owner.tokens.refresh()
    grant = owner.grant
    assert ends is not None
    assert grant.refresh_deadline is not None
    assert grant.refresh_expiry_slides is False
    assert abs(grant.refresh_deadline - ends) < timedelta(minutes=1)


@pytest.mark.one_database
def test_one_that_moves_on_with_each_renewal_is_known_too(owner: GrantOwner) -> None:
    owner.provider.answers = {"refresh_token_expires_in": 7 * 86_400}
    owner.save()
    with time_machine.travel(NOON):
        owner.sign_in()
    for hours in (2, 2.01):
        with time_machine.travel(NOON + timedelta(hours=hours)):
            owner.tokens.refresh()
        assert owner.grant.refresh_expiry_slides is True


def test_all_expiry_dates_of_the_mail_server_are_listed_together(owner: GrantOwner) -> None:
    owner.provider.answers = {"refresh_token_expires_in": 86_400}
    owner.save(security="starttls", secret_expires_on=date(2026, 11, 30))
    with time_machine.travel(NOON - 2 * DAY):
        owner.sign_in()
        record(owner.parts.database, owner.server, Certificate(NOON - 80 * DAY, NOON + 10 * DAY))
    with owner.parts.database.read() as session:
        read = expiries.of_the_mail_server(session, NOON)
    assert [(one.what, one.state) for one in read] == [
        (ExpirySubject.GRANT, ExpiryState.ENDED),
        (ExpirySubject.CLIENT_SECRET, ExpiryState.SOON),
        (ExpirySubject.CERTIFICATE, ExpiryState.SOON),
    ]


def test_without_a_mail_server_nothing_ends(parts: AppState) -> None:
    with parts.database.read() as session:
        assert expiries.of_the_mail_server(session, NOON) == []


def test_a_message_keeps_a_warning_as_it_was() -> None:
    for ends_at in (None, NOON):
        expiry = Expiry(ExpirySubject.GRANT, ExpiryState.REFUSED, ends_at)
        assert Expiry.of_facts(expiry.facts) == expiry
