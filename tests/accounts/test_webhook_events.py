"""Tests of webapp.accounts.webhook_events."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from tests.accounts.conftest import NewLink
from webapp.accounts.models import LinkPurpose, Role, User
from webapp.accounts.password_links import service as password_links
from webapp.accounts.users import administration, batches
from webapp.accounts.users.batches import Person
from webapp.core.app_state import AppState
from webapp.webhooks import service as webhooks
from webapp.webhooks.models import WebhookDelivery

pytestmark = pytest.mark.one_database


@pytest.fixture(autouse=True)
def webhook(state: AppState) -> None:
    """A webhook that wants every event."""
    with state.database.transaction() as session:
        webhooks.create(session, state.sealer, name="All", url="https://all.example/")


def told(state: AppState) -> list[tuple[str, dict[str, Any]]]:
    with state.database.read() as session:
        rows = session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.id))
        return [(row.type, json.loads(row.body)["data"]["user"]) for row in rows]


def test_what_people_do_with_their_links_is_told(state: AppState, pat: User, new_link: NewLink) -> None:
    activation = new_link(pat, LinkPurpose.ACTIVATION)
    with state.database.transaction() as session:
        password_links.activate(session, activation, "a hash")
    reset = new_link(pat, LinkPurpose.RESET)
    with state.database.transaction() as session:
        password_links.complete_reset(session, reset, "a hash")
    about = {"id": pat.id, "email": "pat@example.com", "name": pat.name, "role": "member", "state": "active"}
    assert told(state) == [("user.activated", about), ("user.password_reset", about)]


def test_what_administrators_do_to_accounts_is_told(state: AppState) -> None:
    with state.database.transaction() as session:
        user = administration.create_user(
            session, email="new@example.com", name="New", role=Role.MEMBER, send_activation=False
        )
        for action in (administration.disable, administration.disable, administration.enable, administration.delete):
            action(session, user.id, by=None)
    events = [(event_type, about["state"]) for event_type, about in told(state)]
    assert events == [
        ("user.created", "pending"), ("user.disabled", "disabled"), ("user.enabled", "pending"),
        ("user.deleted", "pending"),
    ]  # fmt: skip


def test_each_of_many_new_users_is_told(state: AppState) -> None:
    people = [Person(f"u{number}@example.com", f"u{number}@example.com", "U", None) for number in (1, 2)]
    with state.database.transaction() as session:
        batches.create(session, people)
    assert [(event_type, about["email"]) for event_type, about in told(state)] == [
        ("user.created", "u1@example.com"), ("user.created", "u2@example.com")
    ]  # fmt: skip
