"""A rotation finds every column with sealed values."""

import re
from typing import Any

import pytest

from tests.core.keys.conftest import save_sealed, sealed_passwords
from tests.mail.page import PAGE, custom
from tests.support.browser import Browser
from webapp.core.app_state import AppState
from webapp.core.database import Base, Database
from webapp.core.keys.columns import map_sealed, sealed_columns
from webapp.core.sealing import KeySealer
from webapp.mail.models import AuthorizationRequest, Grant, MailServer
from webapp.webhooks.models import Webhook

pytestmark = pytest.mark.one_database
# The start of a Fernet token: its version and the upper bytes of a time.
SEALED_TEXT = re.compile(r"gAAAAA[\w-]{60,}")


def test_sealed_columns_are_found_in_the_models() -> None:
    assert sealed_columns()[MailServer] == ("sealed_secrets",)
    assert sealed_columns()[Grant] == ("sealed_refresh_token", "sealed_access_token")
    assert sealed_columns()[AuthorizationRequest] == ("sealed_secret",)
    assert sealed_columns()[Webhook] == ("sealed_url", "sealed_secret", "sealed_previous_secret")


def test_sealed_values_are_only_saved_in_marked_columns(administrator: Browser, state: AppState) -> None:
    proxy = {"proxy_type": "http", "proxy_host": "proxy.example", "proxy_port": "3128", "proxy_username": "me"}
    administrator.submit(PAGE, button="save", **custom(**proxy, proxy_password="proxy-password"))
    found = {place for place, value in every_value(state.database) if SEALED_TEXT.search(repr(value))}
    keys = ("data_keys", "wrapped")
    marked = {(model.__tablename__, name) for model, names in sealed_columns().items() for name in names}
    assert found
    assert found - {keys} <= marked


def every_value(database: Database) -> list[tuple[tuple[str, str], Any]]:
    with database.read() as session:
        return [
            ((table.name, column), value)
            for table in Base.metadata.sorted_tables
            for row in session.execute(table.select()).mappings()
            for column, value in row.items()
        ]


@pytest.mark.parametrize("value", [None, "", {}, "text", {"password": {"sealed": "text", "saved_at": "2026"}}])
def test_every_shape_of_a_sealed_column_is_mapped(value: Any) -> None:
    assert repr(map_sealed(value, str.upper)) == repr(value).replace("text", "TEXT")


def test_a_value_that_no_key_opens_is_saved_unchanged(state: AppState) -> None:
    foreign = KeySealer(["a key of another installation"]).seal("foreign", "mail_server.password")
    save_sealed(state.database, foreign)
    assert sealed_passwords(state.database) == [foreign]
