"""Who is told that something of the mail server ends, and how often."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select, update

from tests.mail.conftest import later
from tests.mail.expiry.conftest import Tell
from tests.mail.page import saved
from tests.support.grants import GrantOwner
from tests.support.inbox import Inbox
from tests.support.people import add_person
from webapp.accounts.models import Role, User, UserState
from webapp.audit.models import AuditEntry
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.mail import events
from webapp.mail.expiry.certificates import record
from webapp.mail.models import ExpiryAlert
from webapp.mail.oauth.errors import TokenRefused
from webapp.mail.transport.smtp import Certificate
from webapp.outbox.models import Message, MessageState
from webapp.webhooks import service as webhooks
from webapp.webhooks.models import WebhookDelivery


@pytest.fixture
def hooked(parts: AppState) -> None:
    """Somebody has saved the address of a webhook."""
    with parts.database.transaction() as session:
        webhooks.save(session, parts.sealer, "https://alerts.example/hook")


@pytest.fixture
def by_secret(owner: GrantOwner, hooked: None) -> Callable[[int], None]:
    """Save a mail server whose client secret ends in so many days."""

    def save(days: int) -> None:
        day = clock.now().date() + timedelta(days=days)
        owner.save(authentication="client_credentials", secret_expires_on=day)

    return save


def mails(parts: AppState) -> list[Message]:
    with parts.database.read() as session:
        return list(session.scalars(select(Message).where(Message.kind == "expiry_alert").order_by(Message.id)))


def webhook_events(parts: AppState) -> list[str]:
    with parts.database.read() as session:
        return list(session.scalars(select(WebhookDelivery.type).order_by(WebhookDelivery.id)))


def test_administrators_and_the_webhook_are_told_once(
    owner: GrantOwner, by_secret: Callable[[int], None], tell: Tell
) -> None:
    for name, role, state in (
        ("bea", Role.ADMINISTRATOR, UserState.ACTIVE),
        ("off", Role.ADMINISTRATOR, UserState.DISABLED),
        ("max", Role.MEMBER, UserState.ACTIVE),
    ):
        add_person(owner.parts.database, f"{name}@mailroom.example", role, state)
    by_secret(14)
    for hours in (0, 1, 24 * 13):
        with later(hours=hours):
            tell()
    assert [one.recipient for one in mails(owner.parts)] == ["owner@mailroom.example", "bea@mailroom.example"]
    assert webhook_events(owner.parts) == ["mail_server.ending_soon"]


def test_workers_at_once_tell_once(app: Flask, owner: GrantOwner, by_secret: Callable[[int], None], tell: Tell) -> None:
    by_secret(3)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _number: tell(), range(4)))
    assert (len(mails(owner.parts)), webhook_events(owner.parts)) == (1, ["mail_server.ending_soon"])


@pytest.mark.one_database
def test_nobody_is_told_before(owner: GrantOwner, by_secret: Callable[[int], None], tell: Tell) -> None:
    by_secret(15)
    tell()
    assert (mails(owner.parts), webhook_events(owner.parts)) == ([], [])


@pytest.mark.one_database
def test_it_is_told_once_more_when_it_has_ended_and_again_once_it_is_over(
    owner: GrantOwner, by_secret: Callable[[int], None], tell: Tell
) -> None:
    by_secret(3)
    tell()
    with later(days=5):
        tell()
        tell()
        by_secret(700)
        tell()
        tell()
    kinds = ["mail_server.ending_soon", "mail_server.ended", "mail_server.resolved"]
    assert (len(mails(owner.parts)), webhook_events(owner.parts)) == (2, kinds)
    with owner.parts.database.read() as session:
        assert session.scalars(select(ExpiryAlert)).all() == []


@pytest.mark.one_database
def test_another_day_that_is_near_as_well_is_no_news(
    owner: GrantOwner, by_secret: Callable[[int], None], tell: Tell
) -> None:
    for days in (3, 5, 4):
        by_secret(days)
        tell()
    assert webhook_events(owner.parts) == ["mail_server.ending_soon"]


@pytest.fixture
def refused(owner: GrantOwner, hooked: None, tell: Tell) -> Iterator[GrantOwner]:
    """The same administrator once the grant is dead: two hours after the sign-in, when everybody was told."""
    owner.save()
    owner.sign_in()
    owner.provider.revoke()
    with later(hours=2):
        with pytest.raises(TokenRefused):
            owner.tokens.get()
        tell()
        yield owner


def test_a_dead_grant_is_told_and_so_is_the_new_one(refused: GrantOwner, tell: Tell) -> None:
    assert (len(mails(refused.parts)), webhook_events(refused.parts)) == (1, ["mail_server.grant_refused"])
    refused.sign_in()
    tell()
    assert webhook_events(refused.parts) == ["mail_server.grant_refused", "mail_server.resolved"]


@pytest.mark.one_database
def test_the_webhook_hears_why_a_grant_is_refused(refused: GrantOwner) -> None:
    with refused.parts.database.read() as session:
        data = json.loads(session.scalars(select(WebhookDelivery.body)).one())["data"]
    assert data["reason"].startswith("invalid_grant The refresh token •••••• has been revoked")


@pytest.mark.one_database
def test_nothing_is_over_while_somebody_sets_it_up_anew(refused: GrantOwner, tell: Tell) -> None:
    refused.save(client_id="another")
    tell()
    assert webhook_events(refused.parts) == ["mail_server.grant_refused"]
    refused.save(authentication="none", secrets={"client_secret": ""})
    tell()
    assert webhook_events(refused.parts) == ["mail_server.grant_refused", "mail_server.resolved"]


@pytest.mark.one_database
def test_a_sign_in_that_never_worked_is_no_news(owner: GrantOwner, hooked: None, tell: Tell) -> None:
    owner.save(authentication="client_credentials", secrets={"client_secret": "wrong"})
    with pytest.raises(TokenRefused):
        owner.tokens.get()
    tell()
    assert webhook_events(owner.parts) == []


@pytest.mark.one_database
def test_the_event_says_what_and_when_and_holds_no_secret(
    owner: GrantOwner, by_secret: Callable[[int], None], tell: Tell
) -> None:
    with time_machine.travel("2026-11-23T08:30:00Z"):
        by_secret(7)
        tell()
    with owner.parts.database.read() as session:
        delivery = session.scalars(select(WebhookDelivery)).one()
    assert json.loads(delivery.body) == {
        "id": delivery.event_id,
        "type": "mail_server.ending_soon",
        "timestamp": "2026-11-23T08:30:00Z",
        "data": {
            "text": "The mail server's client secret expires on 30 November 2026.",
            "what": "client_secret",
            "ends_at": "2026-11-30T23:59:59Z",
            "mail_server": {"provider": "custom", "host": "localhost"},
            "url": "https://mailroom.example/settings/mail",
        },
    }


@pytest.mark.one_database
def test_the_trail_tells_it(owner: GrantOwner, by_secret: Callable[[int], None], tell: Tell) -> None:
    by_secret(3)
    tell()
    by_secret(300)
    tell()
    with owner.parts.database.read() as session:
        told = {one.event: one.data for one in session.scalars(select(AuditEntry))}
    assert told[events.EXPIRY_ALERT_RAISED.key] == {"about": "client_secret", "state": "soon"}
    assert told[events.EXPIRY_ALERT_RESOLVED.key] == {"about": "client_secret"}


@pytest.mark.one_database
def test_the_mail_says_what_ends_and_what_to_do(ending: Inbox, deliver: Callable[[], None]) -> None:
    deliver()
    mail = ending.last
    assert (mail["Subject"], mail["To"]) == ("The mail server for Mailroom needs attention", "eva@mailroom.example")
    assert "The certificate of the mail server ends on" in mail.text
    assert "https://mailroom.example/settings/mail" in mail.text
    assert "Hello Eva," in mail.text


@pytest.mark.one_database
def test_a_mail_that_waited_until_it_was_over_is_dropped(
    inbox: Inbox, parts: AppState, tell: Tell, deliver: Callable[[], None]
) -> None:
    add_person(parts.database, "ada@mailroom.example", Role.ADMINISTRATOR)
    record(parts.database, saved(parts), Certificate(clock.now() - timedelta(days=90), clock.now()))
    tell()
    # The first thing that the worker sees is the new certificate.
    deliver()
    (message,) = mails(parts)
    assert message.state == MessageState.CANCELLED
    assert inbox.messages == []


@pytest.mark.one_database
def test_somebody_who_is_no_administrator_any_more_is_not_told(
    ending: Inbox, parts: AppState, deliver: Callable[[], None]
) -> None:
    with parts.database.transaction() as session:
        session.execute(update(User).values(role=Role.MEMBER))
    deliver()
    assert ending.messages == []
