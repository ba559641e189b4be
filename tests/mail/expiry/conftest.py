"""A worker that looks for news, and a certificate that ends soon."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from flask import Flask

from tests.mail.page import saved
from tests.support.certificates import Authority
from tests.support.inbox import Inbox, running_inbox
from tests.support.people import add_person
from webapp.accounts.models import Role
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.mail.expiry import alerts
from webapp.mail.expiry.certificates import record
from webapp.mail.transport.smtp import Certificate

Tell = Callable[[], None]


@pytest.fixture
def tell(app: Flask, parts: AppState) -> Tell:
    """The worker, looking once for news."""

    def tell() -> None:
        with app.app_context():
            alerts.send_alerts(parts, clock.now())

    return tell


@pytest.fixture
def ending(authority: Authority, parts: AppState, tell: Tell) -> Iterator[Inbox]:
    """A mail server whose certificate ends in three days; its one administrator is owed the news."""
    add_person(parts.database, "eva@mailroom.example", Role.ADMINISTRATOR, name="Eva")
    end = clock.now() + timedelta(days=3)
    with running_inbox(authority, until=end) as inbox:
        inbox.save_to(parts)
        record(parts.database, saved(parts), Certificate(end - timedelta(days=90), end))
        tell()
        yield inbox
