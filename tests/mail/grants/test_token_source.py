"""Authenticating at a mail server with an access token, and what its rejections mean."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from plugins import google, office365_oauth2
from tests.conftest import Enqueue, GetMessage
from tests.mail.conftest import later
from tests.support.authorization import AuthorizationServer
from tests.support.certificates import Authority
from tests.support.grants import GrantOwner
from tests.support.scripted import ScriptedServer
from tests.support.token_inbox import TokenInbox, running_token_inbox
from tests.support.tokens import unsigned
from webapp.core import clock
from webapp.mail import transport_settings
from webapp.mail.diagnosis import token_rules
from webapp.mail.diagnosis.service import diagnose
from webapp.mail.doctor.service import examine
from webapp.mail.grants.token_source import GrantTokens
from webapp.mail.models import GrantStatus
from webapp.mail.transcript import Stage
from webapp.mail.transport.connection import SmtpConnection
from webapp.mail.transport.errors import DeliveryError
from webapp.mail.transport.settings import AccessToken, TransportSettings
from webapp.outbox.connection import Connections, ReusableConnection, saved_settings
from webapp.outbox.models import MessageState
from webapp.providers import Diagnosis

pytestmark = pytest.mark.one_database

TENANT = "11111111-2222-3333-4444-555555555555"
VALID_CLAIMS = {
    "aud": "https://outlook.office.com", "scp": "SMTP.Send", "tid": TENANT, "upn": "mailroom@mailroom.example",
}  # fmt: skip


@pytest.fixture
def token_inbox(authority: Authority, provider: AuthorizationServer) -> Iterator[TokenInbox]:
    """A mail server that accepts access tokens."""
    with running_token_inbox(authority, provider) as inbox:
        yield inbox


@pytest.fixture
def granted(owner: GrantOwner, token_inbox: TokenInbox) -> GrantOwner:
    """The administrator with a grant for that server."""
    owner.save(host=token_inbox.host, port=token_inbox.port, security=token_inbox.security)
    owner.authorize()
    owner.provider.asked.clear()
    return owner


def _destination(owner: GrantOwner) -> dict[str, Any]:
    return {name: getattr(owner.server, name) for name in ("host", "port", "security")}


def settings_of(owner: GrantOwner) -> TransportSettings:
    return transport_settings.load(owner.server, owner.state, owner.general)


@pytest.mark.parametrize(
    ("mechanisms", "start"),
    [
        (("XOAUTH2",), "user=mailroom@mailroom.example\x01auth=Bearer "),
        (("XOAUTH2", "OAUTHBEARER"), "n,a=mailroom@mailroom.example,\x01host=localhost\x01port="),
    ],
)
def test_email_is_sent_with_a_token_by_the_better_mechanism(
    granted: GrantOwner,
    token_inbox: TokenInbox,
    deliver: Callable[[], None],
    enqueue: Enqueue,
    mechanisms: Any,
    start: str,
) -> None:
    token_inbox.mechanisms = mechanisms
    enqueue()
    deliver()
    assert token_inbox.last.username == granted.provider.account
    assert token_inbox.responses[0].startswith(start)
    assert token_inbox.responses[0].endswith("\x01\x01")


def test_a_rejected_token_is_refreshed_and_tried_again_once(
    granted: GrantOwner, token_inbox: TokenInbox, deliver: Callable[[], None], enqueue: Enqueue, get_message: GetMessage
) -> None:
    granted.provider.revoke_access_tokens()
    message = enqueue()
    deliver()
    assert get_message(message).state == MessageState.SENT
    assert granted.provider.asked == ["refresh_token"]
    assert token_inbox.answers == [b"\x01"]


def test_a_second_rejection_is_a_failure_with_its_reason(
    granted: GrantOwner, token_inbox: TokenInbox, deliver: Callable[[], None], enqueue: Enqueue, get_message: GetMessage
) -> None:
    token_inbox.mechanisms = ("XOAUTH2",)
    granted.provider.account = "eve@mailroom.example"
    granted.provider.revoke_access_tokens()
    message = enqueue()
    deliver()
    assert granted.provider.asked == ["refresh_token"]
    assert token_inbox.answers == [b"", b""]
    assert get_message(message).state == MessageState.QUEUED
    assert get_message(message).waits_for_server
    assert get_message(message).failure_params["auth_status"] == "401"


def test_a_test_send_shows_how_it_got_its_token_but_not_the_token(granted: GrantOwner, app: Flask) -> None:
    granted.provider.revoke_access_tokens()
    with app.app_context():
        result = examine(granted.entered(**_destination(granted)), granted.server, "eve@people.example")
    assert result.ok
    assert [step.stage for step in result.stages if step.stage in (Stage.EHLO, Stage.TOKEN)][1:3] == [
        Stage.EHLO,
        Stage.TOKEN,
    ]
    lines = "\n".join(line.text for line in result.lines)
    assert "The access token was rejected" in lines
    tokens = [*granted.provider.access, *granted.provider.refresh]
    assert not [token for token in tokens if token in lines or base64.b64encode(token.encode()).decode() in lines]


def test_a_grant_that_was_revoked_stops_delivery_until_a_new_one(
    granted: GrantOwner, deliver: Callable[[], None], enqueue: Enqueue, get_message: GetMessage
) -> None:
    granted.provider.revoke()
    granted.provider.revoke_access_tokens()
    message = enqueue()
    deliver()
    assert granted.grant.status == GrantStatus.ACTION_REQUIRED
    assert (get_message(message).state, get_message(message).failure_stage) == (MessageState.QUEUED, "token")
    granted.authorize()
    deliver()
    assert get_message(message).state == MessageState.SENT


def test_a_connection_is_reopened_when_its_token_expires(
    granted: GrantOwner, token_inbox: TokenInbox, app: Flask
) -> None:
    with granted.state.database.read() as session:
        current = next(iter(saved_settings(session, granted.state).servers.values()))
    with app.app_context(), Connections(granted.state) as kept, ReusableConnection(kept) as connection:
        connection.open(current)
        connection.open(current)
        assert len(token_inbox.shown) == 1
        with later(hours=2):
            connection.open(current)
    assert len(token_inbox.shown) == 2
    assert token_inbox.refused == 0


def test_unsaved_settings_are_tested_with_the_grant_if_it_stays(granted: GrantOwner, app: Flask) -> None:
    changes: list[tuple[dict[str, Any], bool]] = [({"timeout": 11}, True), ({"username": "eve@x.example"}, False)]
    for change, passes in changes:
        entered = granted.entered(**_destination(granted), **change)
        with app.app_context():
            result = examine(entered, granted.server, "eve@people.example")
        assert result.ok is passes
    assert result.diagnosis is token_rules.NOT_GENERATED


def test_an_application_can_be_tested_before_it_is_saved(
    owner: GrantOwner, token_inbox: TokenInbox, app: Flask
) -> None:
    entered = owner.entered(
        host=token_inbox.host, port=token_inbox.port, security=token_inbox.security, authentication="client_credentials"
    )
    with app.app_context():
        assert examine(entered, None, "eve@people.example").ok


def test_the_mail_server_never_gets_the_client_secret(granted: GrantOwner) -> None:
    assert settings_of(granted).secrets == {}


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({}, office365_oauth2.TOKEN_VALID),
        ({"tid": "99999999-2222-3333-4444-555555555555"}, office365_oauth2.OTHER_TENANT),
        ({"aud": "https://graph.microsoft.com"}, office365_oauth2.OTHER_AUDIENCE),
        ({"aud": ["https://outlook.office365.com/", "x"], "scp": ["SMTP.Send"]}, office365_oauth2.TOKEN_VALID),
        ({"scp": "Mail.Send"}, office365_oauth2.NO_SMTP_SEND),
        ({"scp": None, "roles": ["Mail.Send"], "upn": None}, office365_oauth2.NO_SEND_AS_APP),
        ({"scp": None, "roles": ["SMTP.SendAsApp"], "upn": None}, office365_oauth2.NOT_ADMITTED),
        ({"upn": "eve@mailroom.example"}, office365_oauth2.OTHER_MAILBOX),
        ({"exp": 1}, office365_oauth2.TOKEN_EXPIRED),
    ],
)
def test_microsofts_rejection_is_diagnosed_by_the_tokens_claims(
    owner: GrantOwner, scripted: Callable[..., ScriptedServer], claims: dict[str, Any], expected: Diagnosis
) -> None:
    token = unsigned({name: value for name, value in (VALID_CLAIMS | claims).items() if value is not None})
    found = diagnose_rejection(owner, scripted, "535 5.7.3 Authentication unsuccessful [A.PROD]", token, "office365")
    assert found.cause == expected.cause
    assert "access token" in str(found.evidence[0])


def test_only_a_wrong_claim_is_shown(owner: GrantOwner) -> None:
    token = unsigned({**VALID_CLAIMS, "aud": "https://graph.microsoft.com", "name": "Ada Lovelace"})
    settings = unsaved_settings(owner)
    assert settings.tokens is not None
    assert settings.tokens.check_claims(token) == ("token_wrong_audience", {"value": "https://graph.microsoft.com"})


def test_gmails_rejection_of_a_token_is_not_called_a_wrong_password(
    owner: GrantOwner, scripted: Callable[..., ScriptedServer]
) -> None:
    reason = base64.b64encode(b'{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}').decode()
    reply = [f"334 {reason}", "535-5.7.8 Username and Password not accepted.⏎535 5.7.8  gsmtp"]
    found = diagnose_rejection(owner, scripted, reply, "an-opaque-token", "google")
    assert found.cause == google.BAD_TOKEN.cause


@pytest.mark.parametrize(
    ("mechanisms", "diagnosis"),
    [("XOAUTH2", token_rules.REJECTED_TOKEN), ("PLAIN LOGIN", token_rules.TOKENS_NOT_ACCEPTED)],
)
def test_a_rejected_token_is_not_called_a_wrong_password(
    owner: GrantOwner, scripted: Callable[..., ScriptedServer], mechanisms: str, diagnosis: Diagnosis
) -> None:
    reply = "535 5.7.8 Error: authentication failed"
    assert diagnose_rejection(owner, scripted, reply, "opaque", "custom", mechanisms).cause is diagnosis.cause


def unsaved_settings(owner: GrantOwner, provider: str = "office365", port: int = 9) -> TransportSettings:
    """Return the settings of a server that has no grant yet."""
    entered = replace(owner.entered(provider=provider, tenant_id=TENANT, port=port, security="none"), secrets={})
    return transport_settings.from_entered(entered, None, owner.state, owner.general)


def diagnose_rejection(
    owner: GrantOwner,
    scripted: Callable[..., ScriptedServer],
    reply: Any,
    token: str,
    provider: str,
    mechanisms: str = "XOAUTH2",
) -> Diagnosis:
    """Return the diagnosis when a server replies so to this token."""
    server = scripted(mechanisms=mechanisms, replies={"AUTH": reply})
    settings = unsaved_settings(owner, provider, server.port)
    assert isinstance(settings.tokens, GrantTokens)
    tokens = FixedToken(settings.tokens.state, settings.tokens.registration, None, token=token)
    with pytest.raises(DeliveryError) as caught, SmtpConnection(replace(settings, tokens=tokens)):
        pass
    diagnosis = diagnose(settings.provider.key, settings.public_values, caught.value.failure)
    assert diagnosis is not None
    return diagnosis


@dataclass(frozen=True)
class FixedToken(GrantTokens):
    """A source of one token."""

    token: str = ""

    def get(self) -> AccessToken:
        return AccessToken(self.token, clock.now() + timedelta(hours=1))
