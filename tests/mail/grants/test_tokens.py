"""Signing in to a mail server with an access token, and what its refusals mean."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

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
from webapp.mail.grants.token_source import GrantTokens
from webapp.mail.models import GrantStatus
from webapp.mail.test_send import send_test
from webapp.mail.transcript import Stage
from webapp.mail.transport.connection import SmtpConnection
from webapp.mail.transport.errors import DeliveryError
from webapp.mail.transport.settings import AccessToken, TransportSettings
from webapp.outbox.models import MessageState
from webapp.providers import Diagnosis

TENANT = "11111111-2222-3333-4444-555555555555"
RIGHT = {
    "aud": "https://outlook.office.com", "scp": "SMTP.Send", "tid": TENANT, "upn": "mailroom@mailroom.example",
}  # fmt: skip


@pytest.fixture
def taking(authority: Authority, provider: AuthorizationServer) -> Iterator[TokenInbox]:
    """A mail server that takes tokens."""
    with running_token_inbox(authority, provider) as inbox:
        yield inbox


@pytest.fixture
def granted(owner: GrantOwner, taking: TokenInbox) -> GrantOwner:
    """The administrator, with a grant for that server."""
    owner.save(host=taking.host, port=taking.port, security=taking.security)
    owner.sign_in()
    owner.provider.asked.clear()
    return owner


def _destination(owner: GrantOwner) -> dict[str, Any]:
    return {name: getattr(owner.server, name) for name in ("host", "port", "security")}


def opened(owner: GrantOwner) -> TransportSettings:
    return transport_settings.load(owner.server, owner.parts, owner.general)


@pytest.mark.parametrize(
    ("mechanisms", "start"),
    [
        (("XOAUTH2",), "user=mailroom@mailroom.example\x01auth=Bearer "),
        (("XOAUTH2", "OAUTHBEARER"), "n,a=mailroom@mailroom.example,\x01host=localhost\x01port="),
    ],
)
@pytest.mark.one_database
def test_mail_leaves_with_a_token_by_the_better_mechanism(
    granted: GrantOwner, taking: TokenInbox, deliver: Callable[[], None], enqueue: Enqueue, mechanisms: Any, start: str
) -> None:
    taking.mechanisms = mechanisms
    enqueue()
    deliver()
    assert taking.last.username == granted.provider.account
    assert taking.responses[0].startswith(start)
    assert taking.responses[0].endswith("\x01\x01")


@pytest.mark.one_database
def test_a_refused_token_is_renewed_once_and_tried_again(
    granted: GrantOwner, taking: TokenInbox, deliver: Callable[[], None], enqueue: Enqueue, get_message: GetMessage
) -> None:
    granted.provider.revoke_access_tokens()
    message = enqueue()
    deliver()
    assert get_message(message).state == MessageState.SENT
    assert granted.provider.asked == ["refresh_token"]
    assert taking.answers == [b"\x01"]


@pytest.mark.one_database
def test_a_second_refusal_is_the_servers_and_shown_with_its_reason(
    granted: GrantOwner, taking: TokenInbox, deliver: Callable[[], None], enqueue: Enqueue, get_message: GetMessage
) -> None:
    taking.mechanisms = ("XOAUTH2",)
    granted.provider.account = "eve@mailroom.example"
    granted.provider.revoke_access_tokens()
    message = enqueue()
    deliver()
    assert granted.provider.asked == ["refresh_token"]
    assert taking.answers == [b"", b""]
    assert get_message(message).state == MessageState.QUEUED
    assert get_message(message).waits_for_server
    assert (
        get_message(message).failure_reply.splitlines()[1]
        == '334 {"status":"401","schemes":"bearer","scope":"mail.send"}'
    )


@pytest.mark.one_database
def test_a_test_mail_shows_how_it_got_its_token_and_hides_it(granted: GrantOwner, app: Flask) -> None:
    granted.provider.revoke_access_tokens()
    with app.app_context():
        trial = send_test(granted.draft(**_destination(granted)), granted.server, "eve@people.example")
    assert trial.passed
    assert [step.stage for step in trial.steps][:2] == [Stage.TOKEN, Stage.LOOKUP]
    said = "\n".join(line.text for line in trial.lines)
    assert "The access token was refused" in said
    tokens = [*granted.provider.access, *granted.provider.refresh]
    assert not [token for token in tokens if token in said or base64.b64encode(token.encode()).decode() in said]


@pytest.mark.one_database
def test_a_grant_that_needs_somebody_holds_the_mail_and_says_why(
    granted: GrantOwner, deliver: Callable[[], None], enqueue: Enqueue, get_message: GetMessage
) -> None:
    granted.provider.revoke()
    granted.provider.revoke_access_tokens()
    message = enqueue()
    deliver()
    assert granted.grant.status == GrantStatus.ACTION_REQUIRED
    assert (get_message(message).state, get_message(message).failure_stage) == (MessageState.QUEUED, "token")
    granted.sign_in()
    deliver()
    assert get_message(message).state == MessageState.SENT


@pytest.mark.one_database
def test_a_connection_is_opened_anew_when_its_token_expires(
    granted: GrantOwner, taking: TokenInbox, app: Flask, enqueue: Enqueue
) -> None:
    from webapp.outbox.connection import ReusableConnection, current_settings

    with app.app_context(), ReusableConnection(granted.parts) as line:
        line.open(current_settings(granted.parts))
        line.open(current_settings(granted.parts))
        assert len(taking.shown) == 1
        with later(hours=2):
            line.open(current_settings(granted.parts))
    assert len(taking.shown) == 2
    assert taking.refused == 0


@pytest.mark.one_database
def test_unsaved_settings_are_tested_with_the_grant_while_it_holds_for_them(granted: GrantOwner, app: Flask) -> None:
    changes: list[tuple[dict[str, Any], bool]] = [({"timeout": 11}, True), ({"username": "eve@x.example"}, False)]
    for change, passes in changes:
        draft = granted.draft(**_destination(granted), **change)
        with app.app_context():
            trial = send_test(draft, granted.server, "eve@people.example")
        assert trial.passed is passes
    assert trial.diagnosis is token_rules.NOT_GENERATED


@pytest.mark.one_database
def test_an_application_by_itself_is_tested_before_it_is_saved(
    owner: GrantOwner, taking: TokenInbox, app: Flask
) -> None:
    draft = owner.draft(
        host=taking.host, port=taking.port, security=taking.security, authentication="client_credentials"
    )
    with app.app_context():
        assert send_test(draft, None, "eve@people.example").passed


@pytest.mark.one_database
def test_the_mail_server_never_gets_what_gains_tokens(granted: GrantOwner) -> None:
    assert opened(granted).secrets == {}


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({}, "sending by SMTP is off, or a permission is missing"),
        ({"tid": "99999999-2222-3333-4444-555555555555"}, "of another tenant"),
        ({"aud": "https://graph.microsoft.com"}, "for another service"),
        ({"aud": ["https://outlook.office365.com/", "x"], "scp": ["SMTP.Send"]}, "sending by SMTP is off"),
        ({"scp": "Mail.Send"}, "lacks the permission SMTP.Send."),
        ({"scp": None, "roles": ["Mail.Send"], "upn": None}, "lacks the permission SMTP.SendAsApp"),
        ({"scp": None, "roles": ["SMTP.SendAsApp"], "upn": None}, "sending by SMTP is off"),
        ({"upn": "eve@mailroom.example"}, "for another account"),
        ({"exp": 1}, "the clock of this machine"),
    ],
)
@pytest.mark.one_database
def test_microsofts_one_refusal_is_told_apart_by_the_token(
    owner: GrantOwner, app: Flask, scripted: Callable[..., ScriptedServer], claims: dict[str, Any], words: str
) -> None:
    token = unsigned({name: value for name, value in (RIGHT | claims).items() if value is not None})
    error = refused_by(owner, app, scripted, "535 5.7.3 Authentication unsuccessful [A.PROD]", token, "office365")
    assert words in str(error.cause)


@pytest.mark.one_database
def test_no_claim_is_shown_that_is_right(
    owner: GrantOwner, app: Flask, scripted: Callable[..., ScriptedServer]
) -> None:
    token = unsigned({**RIGHT, "aud": "https://graph.microsoft.com", "name": "Ada Lovelace"})
    source = microsoft(owner)
    assert source.tokens is not None
    assert source.tokens.check_claims(token) == ("token_wrong_audience", {"value": "https://graph.microsoft.com"})


@pytest.mark.one_database
def test_gmails_refusal_of_a_token_is_not_taken_for_a_wrong_password(
    owner: GrantOwner, app: Flask, scripted: Callable[..., ScriptedServer]
) -> None:
    why = base64.b64encode(b'{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}').decode()
    reply = [f"334 {why}", "535-5.7.8 Username and Password not accepted.⏎535 5.7.8  gsmtp"]
    found = refused_by(owner, app, scripted, reply, "an-opaque-token", "google")
    assert "does not accept the access token" in str(found.cause)


@pytest.mark.parametrize(
    ("mechanisms", "diagnosis"),
    [("XOAUTH2", token_rules.BAD_TOKEN), ("PLAIN LOGIN", token_rules.NO_TOKENS_TAKEN)],
)
@pytest.mark.one_database
def test_a_refused_token_is_never_called_a_wrong_password(
    owner: GrantOwner, app: Flask, scripted: Callable[..., ScriptedServer], mechanisms: str, diagnosis: Diagnosis
) -> None:
    reply = "535 5.7.8 Error: authentication failed"
    assert refused_by(owner, app, scripted, reply, "opaque", "custom", mechanisms) is diagnosis


def microsoft(owner: GrantOwner, provider: str = "office365", port: int = 9) -> TransportSettings:
    """What leads to a server of Microsoft's kind, before there is a grant."""
    draft = replace(owner.draft(provider=provider, tenant_id=TENANT, port=port, security="none"), secrets={})
    return transport_settings.from_draft(draft, None, owner.parts, owner.general)


def refused_by(
    owner: GrantOwner,
    app: Flask,
    scripted: Callable[..., ScriptedServer],
    reply: Any,
    token: str,
    provider: str,
    mechanisms: str = "XOAUTH2",
) -> Diagnosis:
    """What it means that a server answers so to this token."""
    server = scripted(mechanisms=mechanisms, replies={"AUTH": reply})
    source = microsoft(owner, provider, server.port)
    assert isinstance(source.tokens, GrantTokens)
    with_token = replace(source, tokens=Given(source.tokens.parts, source.tokens.registration, None, token))
    with app.app_context(), pytest.raises(DeliveryError) as caught, SmtpConnection(with_token):
        pass
    diagnosis = diagnose(source.provider.key, source.public_values, caught.value.failure)
    assert diagnosis is not None
    return diagnosis


@dataclass(frozen=True)
class Given(GrantTokens):
    """A source that has one token."""

    token: str = ""

    def get(self, rejected: str = "") -> AccessToken:
        return AccessToken(self.token, clock.now() + timedelta(hours=1))
