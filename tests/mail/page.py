"""What the tests of the mail server page share: its form, and what became of it."""

import re
from typing import Any

from werkzeug.test import TestResponse

from tests.support.inbox import SENDER
from webapp.core.app_state import AppState
from webapp.mail import servers
from webapp.mail.models import MailServer

PAGE = "/settings/mail"


def custom(**given: Any) -> dict[str, Any]:
    """A whole form for a server of one's own."""
    fields = {
        "mail_from": SENDER, "provider": "custom", "host": "smtp.example.org", "port": "2525", "security": "starttls",
        "authentication": "password", "username": "mailroom", "password": "first-password",
    }  # fmt: skip
    return fields | given


def saved(parts: AppState) -> MailServer:
    """What is in the database."""
    with parts.database.read() as session:
        server = servers.primary(session)
    assert server is not None
    return server


def password(parts: AppState) -> str:
    """The saved password, opened."""
    return parts.sealer.open(saved(parts).sealed_secrets["password"]["sealed"], "mail_server.password")


def error_at(answer: TestResponse, name: str) -> str:
    """The error beside a field."""
    found = re.search(rf'id="{name}-error">([^<]*)<', answer.text)
    return found[1] if found else ""
