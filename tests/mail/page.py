"""What the tests of the mail server page share: its form, and what became of it."""

import re
from html import unescape
from typing import Any

from werkzeug.test import TestResponse

from tests.support import grants
from tests.support.inbox import SENDER
from webapp.core.app_state import AppState
from webapp.mail import servers
from webapp.mail.models import MailServer

PAGE = "/settings/mail"


def custom(**given: Any) -> dict[str, Any]:
    """Return a complete form for the provider Custom."""
    fields = {
        "mail_from": SENDER, "provider": "custom", "host": "smtp.example.org", "port": "2525", "security": "starttls",
        "authentication": "password", "username": "mailroom", "password": "first-password",
    }  # fmt: skip
    return fields | given


def find_saved(state: AppState) -> MailServer | None:
    """Return the saved mail server, if there is one."""
    with state.database.read() as session:
        return servers.primary(session)


def saved(state: AppState) -> MailServer:
    """Return the saved mail server."""
    server = find_saved(state)
    assert server is not None
    return server


def shown(state: AppState) -> MailServer:
    """Return the draft of the server in use, else that."""
    with state.database.read() as session:
        server = grants.shown(session)
    assert server is not None
    return server


def draft_page(state: AppState) -> str:
    """Return the path of the page of the draft of the server in use."""
    return f"{PAGE}/{shown(state).id}"


def password(state: AppState) -> str:
    """Return the saved password in the clear."""
    return servers.open_secrets(state.sealer, saved(state))["password"]


def error_at(answer: TestResponse, name: str) -> str:
    """Return the error beside a field."""
    found = re.search(rf'id="{name}-error">([^<]*)<', answer.text)
    return unescape(found[1]) if found else ""


def dialog(page: TestResponse) -> str:
    """Return the result of the test."""
    return page.text.partition("<dialog")[2].partition("</dialog>")[0]
