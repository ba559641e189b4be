"""A worker that sends alerts, and a mail server whose certificate expires soon."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from flask import Flask

from tests.mail.page import saved
from tests.support.certificates import Authority
from tests.support.inbox import Inbox, running_inbox
from tests.support.users import add_user
from webapp.accounts.models import Role
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.certificates import CertificateFacts
from webapp.mail.expiry import alerts
from webapp.mail.expiry.certificates import record

SendAlerts = Callable[[], None]


def valid(since: datetime, until: datetime) -> CertificateFacts:
    """Return what is known of a certificate that is valid then."""
    return CertificateFacts("", "", (), since, until, "", False, False, True)


@pytest.fixture
def send_alerts(app: Flask) -> SendAlerts:
    """Run the worker's job once."""

    def send() -> None:
        with app.app_context():
            alerts.send_alerts(clock.now())

    return send


@pytest.fixture
def expiring(authority: Authority, state: AppState, send_alerts: SendAlerts) -> Iterator[Inbox]:
    """A mail server whose certificate expires in three days; its administrator's alert is queued."""
    add_user(state.database, "eva@mailroom.example", Role.ADMINISTRATOR, name="Eva")
    end = clock.now() + timedelta(days=3)
    with running_inbox(authority, until=end) as inbox:
        inbox.save_to(state)
        record(state.database, saved(state), valid(end - timedelta(days=90), end))
        send_alerts()
        yield inbox
