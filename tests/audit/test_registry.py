"""What packages register: event types, and how the data of entries reads."""

import pytest
from flask import Flask

from webapp.accounts import audit_events
from webapp.audit import registry
from webapp.core.database import Base
from webapp.settings.models import GeneralSettings, SecuritySettings

pytestmark = [pytest.mark.one_database, pytest.mark.usefixtures("app_context")]


@pytest.fixture
def app(shared_app: Flask) -> Flask:
    """Nothing here changes it."""
    return shared_app


def test_a_key_is_registered_once(app: Flask) -> None:
    with pytest.raises(ValueError, match=r"session\.started"):
        registry.register(app, audit_events)


def test_unknown_event_types_and_data_are_shown_as_they_are() -> None:
    data = {"colour": "red", "provider": "gone", "grant_type": "given up"}
    assert registry.event_label("wings.grown") == "wings.grown"
    assert registry.describe(data) == ["colour: red", "Provider: gone.", "Authentication: given up."]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("minutes", 15, "For 15 minutes."),
        ("everywhere", True, "Locked everywhere except in browsers used before."),
        ("passed", False, "Result: failure."),
        ("stage", "auth", "Stage: Sign in."),
        ("code", "token_url_unreachable", "The token endpoint could not be reached: …"),
        ("code", "not_generated", "No access token has been generated yet."),
        ("code", "invalid_grant", "Error: invalid_grant."),
        ("purpose", "reset", "Purpose: reset the password."),
        ("changed", ["host", "password"], "Changed: Host and Password."),
        ("provider", "office365", "Provider: Office 365."),
        ("grant_type", "service_account", "Authentication: OAuth2: service account with a key file."),
    ],
)
def test_data_reads_as_sentences(name: str, value: object, sentence: str) -> None:
    assert registry.describe({name: value}) == [sentence]


@pytest.mark.parametrize("model", [GeneralSettings, SecuritySettings])
def test_every_setting_has_a_label(model: type[Base]) -> None:
    fields = [column.key for column in model.__table__.columns if column.key not in ("id", "version")]
    assert set(registry.field_labels(fields)).isdisjoint(fields)
