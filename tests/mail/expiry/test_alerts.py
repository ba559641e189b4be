"""Who is alerted that something the mail server needs expires, and how often."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select, update

from tests.mail.conftest import later
from tests.mail.expiry.conftest import SendAlerts, valid
from tests.mail.page import saved
from tests.support.grants import GrantOwner
from tests.support.inbox import Inbox
from tests.support.users import add_user
from webapp.accounts.models import Role, User, UserState
from webapp.audit.models import AuditEntry
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.mail import audit_events
from webapp.mail.expiry.certificates import record
from webapp.mail.models import ExpiryAlert, MailServer
from webapp.mail.oauth.errors import TokenRefused
from webapp.mail.service import NEW
from webapp.outbox.models import Message, MessageState
from webapp.webhooks import service as webhooks
from webapp.webhooks.models import WebhookDelivery

SaveSecret = Callable[[int], None]


@pytest.fixture
def webhook(state: AppState) -> None:
    """A saved webhook."""
    with state.database.transaction() as session:
        webhooks.create(session, state.sealer, name="Pager", url="https://alerts.example/hook")


@pytest.fixture
def save_secret(owner: GrantOwner, webhook: None) -> SaveSecret:
    """Save a mail server whose client secret expires in so many days."""

    def save(days: int) -> None:
        day = clock.now().date() + timedelta(days=days)
        owner.save(authentication="client_credentials", secret_expires_on=day)

    return save


def messages(state: AppState) -> list[Message]:
    with state.database.read() as session:
        return list(session.scalars(select(Message).where(Message.kind == "expiry_alert").order_by(Message.id)))


def webhook_events(state: AppState) -> list[str]:
    with state.database.read() as session:
        return list(session.scalars(select(WebhookDelivery.type).order_by(WebhookDelivery.id)))


def test_active_administrators_and_the_webhook_are_alerted_once(
    owner: GrantOwner, save_secret: SaveSecret, send_alerts: SendAlerts
) -> None:
    for name, role, user_state in (
        ("bea", Role.ADMINISTRATOR, UserState.ACTIVE),
        ("off", Role.ADMINISTRATOR, UserState.DISABLED),
        ("max", Role.MEMBER, UserState.ACTIVE),
    ):
        add_user(owner.state.database, f"{name}@mailroom.example", role, user_state)
    save_secret(14)
    for hours in (0, 1, 24 * 13):
        with later(hours=hours):
            send_alerts()
    assert [one.recipient for one in messages(owner.state)] == ["owner@mailroom.example", "bea@mailroom.example"]
    assert webhook_events(owner.state) == ["mail_server.ending_soon"]


def test_several_workers_send_an_alert_once(
    owner: GrantOwner, save_secret: SaveSecret, send_alerts: SendAlerts
) -> None:
    save_secret(3)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _number: send_alerts(), range(4)))
    assert (len(messages(owner.state)), webhook_events(owner.state)) == (1, ["mail_server.ending_soon"])


@pytest.mark.one_database
def test_an_alert_is_sent_again_when_it_has_expired_and_resolved_once_it_is_renewed(
    owner: GrantOwner, save_secret: SaveSecret, send_alerts: SendAlerts
) -> None:
    save_secret(3)
    send_alerts()
    with later(days=5):
        send_alerts()
        send_alerts()
        save_secret(700)
        send_alerts()
        send_alerts()
    kinds = ["mail_server.ending_soon", "mail_server.ended", "mail_server.resolved"]
    assert (len(messages(owner.state)), webhook_events(owner.state)) == (2, kinds)
    with owner.state.database.read() as session:
        assert session.scalars(select(ExpiryAlert)).all() == []


@pytest.mark.one_database
def test_another_date_that_is_near_too_causes_no_new_alert(
    owner: GrantOwner, save_secret: SaveSecret, send_alerts: SendAlerts
) -> None:
    for days in (3, 5, 4):
        save_secret(days)
        send_alerts()
    assert webhook_events(owner.state) == ["mail_server.ending_soon"]


@pytest.fixture
def refused(owner: GrantOwner, webhook: None, send_alerts: SendAlerts) -> Iterator[GrantOwner]:
    """The administrator once the grant was refused and the alert sent, two hours after the authorization."""
    owner.save()
    owner.authorize()
    owner.provider.revoke()
    with later(hours=2):
        with pytest.raises(TokenRefused):
            owner.tokens.get()
        send_alerts()
        yield owner


def test_a_refused_grant_causes_an_alert_and_a_new_one_resolves_it(
    refused: GrantOwner, send_alerts: SendAlerts
) -> None:
    with refused.state.database.read() as session:
        delivery = session.scalars(select(WebhookDelivery)).one()
    assert (len(messages(refused.state)), delivery.type) == (1, "mail_server.grant_refused")
    assert "The refresh token •••••• has been revoked" in json.loads(delivery.body)["data"]["reason"]
    refused.authorize()
    send_alerts()
    assert webhook_events(refused.state) == ["mail_server.grant_refused", "mail_server.resolved"]


@pytest.mark.one_database
def test_an_alert_stays_while_a_new_grant_is_being_obtained(refused: GrantOwner, send_alerts: SendAlerts) -> None:
    refused.save(client_id="another")
    send_alerts()
    assert webhook_events(refused.state) == ["mail_server.grant_refused"]
    refused.save(authentication="none", secrets={"client_secret": ""})
    send_alerts()
    assert webhook_events(refused.state) == ["mail_server.grant_refused", "mail_server.resolved"]


@pytest.mark.one_database
def test_the_webhook_event_says_what_expires_when(
    owner: GrantOwner, save_secret: SaveSecret, send_alerts: SendAlerts
) -> None:
    with time_machine.travel("2026-11-23T08:30:00Z"):
        save_secret(7)
        send_alerts()
    with owner.state.database.read() as session:
        delivery = session.scalars(select(WebhookDelivery)).one()
    assert json.loads(delivery.body)["data"] == {
        "text": "The mail server's client secret expires on 30 November 2026.",
        "what": "client_secret",
        "ends_at": "2026-11-30T23:59:59Z",
        "mail_server": {"name": "Custom", "provider": "custom", "host": "localhost"},
        "url": "https://mailroom.example/settings/mail",
    }


@pytest.mark.one_database
def test_alerts_are_in_the_audit_trail(owner: GrantOwner, save_secret: SaveSecret, send_alerts: SendAlerts) -> None:
    save_secret(3)
    send_alerts()
    save_secret(300)
    send_alerts()
    with owner.state.database.read() as session:
        recorded = {entry.event: entry.data for entry in session.scalars(select(AuditEntry))}
    assert recorded[audit_events.EXPIRY_ALERT_RAISED.key] == {"about": "client_secret", "state": "expiring"}
    assert recorded[audit_events.EXPIRY_ALERT_RESOLVED.key] == {"about": "client_secret"}


@pytest.mark.one_database
def test_the_email_says_what_expires_and_what_to_do(expiring: Inbox, deliver: Callable[[], None]) -> None:
    deliver()
    email = expiring.last
    assert (email["Subject"], email["To"]) == ("The mail server for Mailroom needs attention", "eva@mailroom.example")
    assert "The mail server's certificate expires on" in email.text
    assert "https://mailroom.example/settings/mail" in email.text
    assert "Hello Eva," in email.text


@pytest.mark.one_database
def test_an_email_that_waited_until_the_problem_was_solved_is_cancelled(
    inbox: Inbox, state: AppState, send_alerts: SendAlerts, deliver: Callable[[], None]
) -> None:
    add_user(state.database, "ada@mailroom.example", Role.ADMINISTRATOR)
    record(state.database, saved(state), valid(clock.now() - timedelta(days=90), clock.now()))
    send_alerts()
    # Connecting shows the worker the new certificate.
    deliver()
    (message,) = messages(state)
    assert (message.state, message.failure_code) == (MessageState.CANCELLED, "alert_resolved")
    assert inbox.messages == []


@pytest.mark.one_database
def test_a_former_administrator_gets_no_email(expiring: Inbox, state: AppState, deliver: Callable[[], None]) -> None:
    with state.database.transaction() as session:
        session.execute(update(User).values(role=Role.MEMBER))
    deliver()
    assert expiring.messages == []


def test_an_alert_about_one_of_several_servers_names_it(owner: GrantOwner, send_alerts: SendAlerts) -> None:
    with_password = {"authentication": "password", "secrets": {"password": "in use"}}
    owner.save(**with_password)
    fallback = owner.save(**with_password, host="smtp.second.example", server_id=NEW).server
    expired = update(MailServer).where(MailServer.id == fallback.id)
    with owner.state.database.transaction() as session:
        session.execute(expired.values(security="tls", certificate_expires_at=clock.now()))
    send_alerts()
    [message] = messages(owner.state)
    assert message.data["server"] == "Custom 2"
