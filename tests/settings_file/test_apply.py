"""What the file sets is saved, once, all of it or nothing."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.settings_file.conftest import Apply, Problems
from webapp.audit.models import AuditEntry
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.mail import servers
from webapp.outbox import service as outbox
from webapp.outbox.models import Message
from webapp.settings import service as settings

CONTENT = """
[general]
product_name = "Post"
[security]
lockout_threshold = 5
session_minutes = 1440
password_reject_common = false
[[mail_servers]]
provider = "custom"
mail_from = "Post <post@post.example>"
host = "smtp.post.example"
authentication = "password"
username = "post"
password = { file = "mail-password" }
limit_per_day = 500
"""


def test_everything_that_the_file_sets_is_saved_and_the_rest_stays(apply: Apply, state: AppState) -> None:
    apply(CONTENT)
    with state.database.read() as session:
        general, policy = settings.general(session, state.config), settings.security(session)
        server = servers.primary(session)
    assert (general.product_name, general.support_address) == ("Post", "help@mailroom.example")
    assert (policy.lockout_threshold, policy.session_minutes, policy.password_reject_common) == (5, 1440, False)
    assert policy.password_min_length == 8
    assert server is not None
    assert (server.host, server.port, server.security, server.limit_per_day) == (
        "smtp.post.example", 587, "starttls", 500,
    )  # fmt: skip
    assert servers.open_secrets(state.sealer, server) == {"password": "a file's secret"}


def test_applying_the_same_file_again_changes_nothing(apply: Apply, state: AppState) -> None:
    apply(CONTENT)
    with state.database.transaction() as session:
        later = clock.now() + timedelta(hours=1)
        waiting = outbox.enqueue(session, "test", "max@mailroom.example", not_before=later)
        before = len(session.scalars(select(AuditEntry)).all())
    apply()
    with state.database.read() as session:
        assert len(session.scalars(select(AuditEntry)).all()) == before
        assert session.get_one(Message, waiting).next_attempt_at == later


@pytest.mark.one_database
def test_only_what_changes_is_in_the_audit_trail_by_the_settings_file(apply: Apply, state: AppState) -> None:
    apply(CONTENT)
    apply(CONTENT.replace("500", "400"))
    with state.database.read() as session:
        last = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
    assert (last.event, last.actor_email) == ("mail_server.saved", "settings file")
    assert last.data["changed"] == ["limit_per_day"]


@pytest.mark.one_database
def test_a_new_secret_in_the_file_is_saved(apply: Apply, state: AppState) -> None:
    apply(CONTENT)
    apply(CONTENT.replace('{ file = "mail-password" }', '{ env = "WORD" }'), WORD="another one")
    with state.database.read() as session:
        server = servers.primary(session)
    assert server is not None
    assert servers.open_secrets(state.sealer, server) == {"password": "another one"}


def test_one_error_keeps_everything_from_being_changed(apply: Apply, problems: Problems, state: AppState) -> None:
    apply(CONTENT)
    assert problems(CONTENT.replace("Post", "Mail").replace("= 500", "= 0"))
    with state.database.read() as session:
        assert settings.general(session, state.config).product_name == "Post"
        server = servers.primary(session)
        assert server is not None
        assert server.limit_per_day == 500
        assert "limit_per_day" in servers.locked(session, server)


@pytest.mark.one_database
def test_oauth2_that_needs_a_token_first_is_kept_as_a_draft(apply: Apply, state: AppState) -> None:
    apply(CONTENT)
    oauth2 = CONTENT.replace('"password"', '"authorization_code"').replace("password =", "client_secret =")
    oauth2 = (
        oauth2.replace('"custom"', '"google"')
        .replace("[[mail", "[[mail")
        .replace("limit_per_day", 'client_id = "1-a.apps.googleusercontent.com"\nlimit_per_day')
    )
    for _ in range(2):
        apply(oauth2)
    with state.database.read() as session:
        found = [*servers.in_order(session), *servers.drafts(session)]
    assert [server.provider for server in found] == ["custom", "google"]
