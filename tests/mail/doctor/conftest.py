"""A check of the saved mail server."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.support.inbox import PASSWORD, Inbox
from webapp.core.app_state import AppState
from webapp.mail import servers
from webapp.mail.doctor.examination import Examination, Progress
from webapp.mail.doctor.service import examine
from webapp.mail.servers import EnteredServer
from webapp.providers.registry import get_providers

Check = Callable[..., Examination]
RECIPIENT = "eve@example.org"


@pytest.fixture
def check(app: Flask, inbox: Inbox, state: AppState) -> Check:
    """Check the saved server, with changes, and send nothing."""

    def check(progress: Progress | None = None, sends: bool = False, **changes: Any) -> Examination:
        with state.database.read() as session:
            server = servers.primary(session)
        assert server is not None
        provider, values = get_providers()[server.provider], {**server.values, **changes}
        entered = EnteredServer(provider, values, server.provider_fields, {"password": PASSWORD})
        with app.app_context():
            return examine(entered, server, RECIPIENT, sends, progress)

    return check
