"""Expiry dates, and when alerts about them start."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from tests.mail.expiry.conftest import valid
from tests.support.faulty_certificates import Company, fault
from tests.support.grants import GrantOwner
from webapp.core import certificates
from webapp.mail.expiry import service as expiries
from webapp.mail.expiry.certificates import record
from webapp.mail.expiry.service import Expiry, ExpiryState, ExpirySubject
from webapp.mail.models import Grant, GrantStatus, MailServer

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def server(**given: Any) -> MailServer:
    usual = {"authentication": "password", "security": "none", "pinned_certificate": "", "trusted_certificates": ""}
    return MailServer(**(usual | given))


def states(server: MailServer, grant: Grant | None = None) -> dict[ExpirySubject, ExpiryState]:
    return {one.subject: one.state for one in expiries.expiries_of(server, grant, NOON)}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {}),
        ({"authentication": "service_account"}, {ExpirySubject.SERVICE_ACCOUNT_KEY: ExpiryState.EXPIRING}),
        ({"security": "starttls"}, {ExpirySubject.CERTIFICATE: ExpiryState.UNKNOWN}),
    ],
)
def test_only_what_a_server_uses_expires(given: dict[str, str], expected: dict[ExpirySubject, ExpiryState]) -> None:
    assert states(server(**given, secret_expires_on=date(2026, 11, 24))) == expected


SECRETS = [
    (None, ExpiryState.UNKNOWN),
    (date(2026, 12, 8), ExpiryState.VALID),
    (date(2026, 12, 7), ExpiryState.EXPIRING),
    (date(2026, 11, 23), ExpiryState.EXPIRING),
    (date(2026, 11, 22), ExpiryState.EXPIRED),
    (date.min, ExpiryState.EXPIRED),
    (date.max, ExpiryState.VALID),
]


@pytest.mark.parametrize(("day", "expiry_state"), SECRETS)
def test_a_secret_is_valid_until_the_end_of_its_last_day(day: date | None, expiry_state: ExpiryState) -> None:
    found = states(server(authentication="client_credentials", secret_expires_on=day))
    assert found == {ExpirySubject.CLIENT_SECRET: expiry_state}


# Days of its lifetime, and days until it expires.
CERTIFICATES = [
    (90, 15, ExpiryState.VALID),
    (90, 14, ExpiryState.EXPIRING),
    (90, 0, ExpiryState.EXPIRED),
    (6, 2, ExpiryState.VALID),
    (6, 1, ExpiryState.EXPIRING),
    (6, -1, ExpiryState.EXPIRED),
]


@pytest.mark.parametrize(("life", "left", "expiry_state"), CERTIFICATES)
def test_a_short_lived_certificate_causes_an_alert_only_in_its_last_quarter(
    life: float, left: float, expiry_state: ExpiryState
) -> None:
    end = NOON + left * DAY
    found = states(server(security="starttls", certificate_since=end - life * DAY, certificate_expires_at=end))
    assert found == {ExpirySubject.CERTIFICATE: expiry_state}


SIX_DAYS_LEFT = {"last_refresh_at": NOON - DAY, "refresh_deadline": NOON + 6 * DAY}
GRANTS = [
    ({}, ExpiryState.VALID),
    ({"refresh_deadline": None}, ExpiryState.VALID),
    # It is refreshed daily, which moves its end, unless refreshing fails for weeks.
    ({"last_refresh_at": NOON - 75 * DAY, "refresh_deadline": NOON + 15 * DAY}, ExpiryState.VALID),
    ({"last_refresh_at": NOON - 76 * DAY, "refresh_deadline": NOON + 14 * DAY}, ExpiryState.EXPIRING),
    (SIX_DAYS_LEFT, ExpiryState.VALID),
    (SIX_DAYS_LEFT | {"refresh_expiry_slides": True}, ExpiryState.VALID),
    # Google's grants end after seven days while the consent screen is in “Testing”.
    (SIX_DAYS_LEFT | {"refresh_expiry_slides": False}, ExpiryState.EXPIRING),
    ({"refresh_deadline": NOON}, ExpiryState.EXPIRED),
    ({"status": GrantStatus.ACTION_REQUIRED, "failed_at": NOON}, ExpiryState.REFUSED),
    ({"status": GrantStatus.NONE, "granted_at": None}, ExpiryState.UNKNOWN),
    # It never worked, so an administrator is still setting it up.
    ({"status": GrantStatus.ACTION_REQUIRED, "granted_at": None}, ExpiryState.UNKNOWN),
]


def grant(**given: Any) -> Grant:
    values = {"status": GrantStatus.GENERATED, "granted_at": NOON - 9 * DAY, "last_refresh_at": NOON}
    return Grant(**(values | {"refresh_deadline": NOON + 90 * DAY} | given))


@pytest.mark.parametrize(("given", "expiry_state"), GRANTS)
def test_a_grant_causes_an_alert_when_it_will_end_or_was_refused(
    given: dict[str, Any], expiry_state: ExpiryState
) -> None:
    assert states(server(), grant(**given)) == {ExpirySubject.GRANT: expiry_state}


@pytest.mark.parametrize(("slides", "renews"), [(None, True), (True, True), (False, False)])
def test_a_grant_renews_automatically_unless_its_end_is_fixed(slides: bool | None, renews: bool) -> None:
    (expiry,) = expiries.expiries_of(server(), grant(refresh_expiry_slides=slides), NOON)
    assert expiry.renews_automatically is renews


def test_the_saved_mail_server_has_all_its_expiry_dates(owner: GrantOwner) -> None:
    owner.provider.answers = {"refresh_token_expires_in": 86_400}
    owner.save(security="starttls", secret_expires_on=date(2026, 11, 30))
    with time_machine.travel(NOON - 2 * DAY):
        owner.authorize()
        record(owner.state.database, owner.server, valid(NOON - 80 * DAY, NOON + 10 * DAY))
    with owner.state.database.read() as session:
        found = expiries.of_all(session, NOON)
    assert [(one.subject, one.state) for one in found] == [
        (ExpirySubject.GRANT, ExpiryState.EXPIRED),
        (ExpirySubject.CLIENT_SECRET, ExpiryState.EXPIRING),
        (ExpirySubject.CERTIFICATE, ExpiryState.EXPIRING),
    ]


@pytest.mark.parametrize("expires_at", [None, NOON])
def test_a_message_keeps_an_alert_as_it_was(expires_at: datetime | None) -> None:
    expiry = Expiry(ExpirySubject.GRANT, ExpiryState.REFUSED, expires_at)
    assert Expiry.from_data(expiry.to_data()) == expiry


@pytest.mark.parametrize("trusted", ["pinned_certificate", "trusted_certificates"])
def test_what_is_trusted_and_shown_expires(trusted: str, tmp_path: Path) -> None:
    with time_machine.travel(NOON - 81 * DAY):
        company = Company(tmp_path, fault())
    pem = certificates.to_pem([company.own])
    found = states(server(security="tls", client_certificate_expires_at=NOON + 20 * DAY, **{trusted: pem}))
    expected = {trusted: ExpiryState.EXPIRING, "client_certificate": ExpiryState.VALID}
    assert found == ({"certificate": ExpiryState.UNKNOWN} if trusted == "trusted_certificates" else {}) | expected
