"""What the tests of “Generate access token” share: the form, the provider's response, what became of it."""

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


def oauth_form(provider: AuthorizationServer, **given: Any) -> dict[str, Any]:
    """Return a complete form for the tests' provider."""
    fields = {
        "mail_from": "Mailroom <mailroom@mailroom.example>", "provider": "custom", "host": "smtp.example.org",
        "port": "587", "security": "starttls", "timeout": "10", "tls_minimum": "1.2", "proxy_type": "none",
        "authentication": "authorization_code", "username": provider.account, "client_secret": CLIENT_SECRET,
    }  # fmt: skip
    return fields | provider.settings | given


def saved_grant(state: AppState) -> Grant | None:
    """Return the saved grant."""
    with state.database.read() as session:
        return grants.get(session, saved(state).id)


def grant_events(state: AppState) -> list[str]:
    """Return the audit events about grants."""
    with state.database.read() as session:
        found = session.scalars(select(AuditEntry).where(AuditEntry.event.like("grant%")).order_by(AuditEntry.id)).all()
    return [entry.event for entry in found]


def authorize(administrator: Browser, provider: AuthorizationServer, **given: Any) -> dict[str, str]:
    """Choose “Generate access token”, and return the query that the provider sends the browser back with."""
    answer = administrator.post(START, follow=False, **oauth_form(provider, **given))
    assert answer.status_code == 303, error_at(answer, "client_secret")
    return provider.visit(answer.location)


def return_with(browser: Browser, query: dict[str, str]) -> TestResponse:
    """Come back from the provider with this query."""
    return browser.get(f"{CALLBACK}?{urlencode(query)}")
