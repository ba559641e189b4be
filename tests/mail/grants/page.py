"""What the tests of “Generate access token” share: the form, the provider's answer, what became of it."""

from typing import Any
from urllib.parse import urlencode

from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.mail.page import error_at, saved
from tests.support.authorization import CLIENT_SECRET, AuthorizationServer
from tests.support.browser import Browser
from webapp.audit.models import AuditEntry
from webapp.core.app_state import AppState
from webapp.mail.grants import service as grants
from webapp.mail.models import Grant

START, CALLBACK = "/settings/mail/oauth/start", "/settings/mail/oauth/callback"
DEVICE = "/settings/mail/oauth/device"


def typed(provider: AuthorizationServer, **given: Any) -> dict[str, Any]:
    """A whole form for the provider of the tests."""
    fields = {
        "mail_from": "Mailroom <mailroom@mailroom.example>", "provider": "custom", "host": "smtp.example.org",
        "port": "587", "security": "starttls", "timeout": "10", "tls_minimum": "1.2", "proxy_type": "none",
        "authentication": "authorization_code", "username": provider.account, "client_secret": CLIENT_SECRET,
    }  # fmt: skip
    return fields | provider.settings | given


def grant(parts: AppState) -> Grant | None:
    """The saved grant."""
    with parts.database.read() as session:
        return grants.get(session, saved(parts).id)


def trail(parts: AppState) -> list[str]:
    """What the trail tells about grants."""
    with parts.database.read() as session:
        found = session.scalars(select(AuditEntry).where(AuditEntry.event.like("grant%")).order_by(AuditEntry.id)).all()
    return [entry.event for entry in found]


def begun(administrator: Browser, provider: AuthorizationServer, **given: Any) -> dict[str, str]:
    """The answer that a browser brings back from the provider."""
    answer = administrator.post(START, follow=False, **typed(provider, **given))
    assert answer.status_code == 303, error_at(answer, "client_secret")
    return provider.visit(answer.location)


def back(browser: Browser, query: dict[str, str]) -> TestResponse:
    """The browser comes back with it."""
    return browser.get(f"{CALLBACK}?{urlencode(query)}")
