"""Obtaining a grant, and everything that can go wrong."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from sqlalchemy import select

from tests.support.authorization import CLIENT_SECRET, SCOPE
from tests.support.grants import GrantOwner
from webapp.audit.models import AuditEntry
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.mail.grants import authorization
from webapp.mail.models import GrantStatus
from webapp.mail.oauth import client
from webapp.mail.oauth.errors import (
    AuthorizationFailed,
    InvalidTokenResponse,
    NotConfigured,
    OAuthError,
    ProviderUnavailable,
    Unanswered,
)
from webapp.mail.oauth.registration import ClientRegistration
from webapp.providers import OAuth2

pytestmark = pytest.mark.one_database

Alter = Callable[[dict[str, str]], dict[str, str]]


def events(state: AppState) -> list[tuple[str, str]]:
    """Return the audit entries about grants."""
    with state.database.read() as session:
        found = session.scalars(select(AuditEntry).where(AuditEntry.event.like("grant%")).order_by(AuditEntry.id)).all()
    return [(entry.event, entry.data.get("code", "")) for entry in found]


def test_signing_in_at_the_provider_obtains_a_grant(owner: GrantOwner, state: AppState) -> None:
    owner.save()
    assert owner.grant.status == GrantStatus.NONE
    owner.authorize()
    grant = owner.grant
    assert (grant.status, grant.account, grant.scopes) == (GrantStatus.GENERATED, owner.provider.account, SCOPE)
    assert owner.provider.knows(owner.tokens.get().value) == owner.provider.account
    assert events(state) == [("grant.obtained", "")]


def test_no_secret_is_stored_in_the_clear(owner: GrantOwner) -> None:
    owner.save()
    owner.start()
    owner.authorize()
    rows = str({**vars(owner.grant), **vars(owner.server)})
    secrets = [CLIENT_SECRET, *owner.provider.access, *owner.provider.refresh]
    assert not [secret for secret in secrets if secret in rows]


def test_the_authorization_url_has_pkce_a_login_hint_and_no_secret(owner: GrantOwner) -> None:
    owner.save()
    address = owner.start()
    assert "code_challenge_method=S256" in address
    assert "login_hint=mailroom%40mailroom.example" in address
    assert "redirect_uri=https%3A%2F%2Fmailroom.example%2Fsettings%2Fmail%2Foauth%2Fcallback" in address
    assert CLIENT_SECRET not in address


@pytest.mark.parametrize(
    ("alter", "code"),
    [
        (lambda query: {}, "unknown_state"),
        (lambda query: query | {"state": "wrong"}, "unknown_state"),
        (lambda query: query | {"iss": "https://attacker.example"}, "wrong_issuer"),
        (lambda query: query | {"iss": "https://[attacker.example"}, "wrong_issuer"),
        (lambda query: {"state": query["state"], "error": "access_denied"}, "access_denied"),
        (lambda query: {"state": query["state"]}, "code_missing"),
        (lambda query: query | {"code": "guessed"}, "invalid_grant"),
    ],
)
def test_an_invalid_callback_changes_nothing(owner: GrantOwner, state: AppState, alter: Alter, code: str) -> None:
    owner.save()
    query = owner.provider.visit(owner.start())
    with pytest.raises(OAuthError) as caught:
        authorization.complete(owner.session_id, alter(query))
    assert caught.value.code == code
    assert owner.grant.status == GrantStatus.NONE
    assert events(state) == [("grant.refused", code)]


def test_a_state_is_valid_once_in_one_session_for_ten_minutes(owner: GrantOwner) -> None:
    owner.save()
    used = owner.provider.visit(owner.start())
    authorization.complete(owner.session_id, used)
    theirs = owner.provider.visit(owner.start())
    with time_machine.travel(clock.now() - timedelta(minutes=11)):
        old = owner.start()
    for browser, query in [(owner.session_id, used), (owner.session_id + 1, theirs)]:
        with pytest.raises(AuthorizationFailed):
            authorization.complete(browser, query)
    with pytest.raises(AuthorizationFailed):
        authorization.complete(owner.session_id, owner.provider.visit(old))


UNUSABLE: list[tuple[dict[str, Any], str]] = [
    ({"refresh_token": None}, "no_refresh_token"),
    ({"scope": "something.else"}, "missing_scopes"),
    ({"access_token": None}, "no_access_token"),
    ({"access_token": "with space"}, "no_access_token"),
    ({"access_token": "x\x01auth=Bearer y"}, "no_access_token"),
    ({"token_type": "mac"}, "wrong_token_type"),
    ({"expires_in": 0}, "no_token_lifetime"),
    ({"expires_in": -5}, "no_token_lifetime"),
    ({"expires_in": "soon"}, "no_token_lifetime"),
    ({"expires_in": ["3600"]}, "no_token_lifetime"),
]


def test_unusable_tokens_are_not_saved(owner: GrantOwner) -> None:
    owner.save()
    for answers, code in UNUSABLE:
        owner.provider.answers = answers
        with pytest.raises(OAuthError) as caught:
            owner.authorize()
        assert (caught.value.code, owner.grant.status) == (code, GrantStatus.NONE)


@pytest.mark.parametrize(
    ("expires_in", "minutes"), [(None, 60), ("1800", 30), (1800.5, 30), (10**400, 1440), (1e300, 1440)]
)
def test_the_lifetime_of_a_token_is_accepted_within_limits(owner: GrantOwner, expires_in: object, minutes: int) -> None:
    owner.save()
    owner.provider.answers = {"expires_in": expires_in}
    owner.authorize()
    grant = owner.grant
    assert grant.access_expires_at is not None
    assert grant.last_refresh_at is not None
    assert (grant.access_expires_at - grant.last_refresh_at) // timedelta(minutes=1) == minutes


def test_the_id_token_decides_between_issuers_on_one_host(owner: GrantOwner) -> None:
    owner.save()
    query = owner.provider.visit(owner.start())
    with pytest.raises(AuthorizationFailed):
        authorization.complete(owner.session_id, query | {"iss": f"{owner.provider.url}/realms/other"})
    assert owner.grant.status == GrantStatus.NONE


@pytest.mark.parametrize(
    ("metadata", "refusal"),
    [
        ({}, nullcontext()),
        ({"authorization_endpoint": "https://sign-in.example/authorize"}, pytest.raises(AuthorizationFailed)),
        ({"token_endpoint": None}, pytest.raises(AuthorizationFailed)),
        ({"issuer": "https://issuer.example"}, pytest.raises(AuthorizationFailed)),
    ],
)
def test_an_issuer_on_another_host_must_publish_the_configured_urls(
    owner: GrantOwner, metadata: dict[str, Any], refusal: AbstractContextManager[Any]
) -> None:
    owner.save()
    owner.provider.issuer = owner.provider.url.replace("127.0.0.1", "localhost")
    owner.provider.metadata = metadata
    with refusal:
        owner.authorize()
    assert owner.grant.status == (GrantStatus.NONE if metadata else GrantStatus.GENERATED)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [("500", ProviderUnavailable), ("429", ProviderUnavailable), ("302", ProviderUnavailable),
     ("html", InvalidTokenResponse),
     ("huge", Unanswered), ("drop", Unanswered), ("404", InvalidTokenResponse)],
)  # fmt: skip
def test_a_failing_provider_is_not_taken_for_a_refusal(
    owner: GrantOwner, fault: str, expected: type[OAuthError]
) -> None:
    owner.save()
    owner.provider.misbehave(fault)
    with pytest.raises(expected) as caught:
        owner.authorize()
    assert type(caught.value) is expected
    assert "elsewhere" not in owner.provider.asked
    assert owner.grant.status == GrantStatus.NONE


def test_saving_other_settings_ends_an_authorization(owner: GrantOwner) -> None:
    owner.save()
    query = owner.provider.visit(owner.start())
    owner.save(client_id="another")
    with pytest.raises(AuthorizationFailed):
        authorization.complete(owner.session_id, query)


@pytest.mark.parametrize("refusal", [("invalid_client", 400), ("unauthorized_client", 401)])
def test_a_server_that_wants_the_secret_in_the_body_gets_it_there(owner: GrantOwner, refusal: tuple[str, int]) -> None:
    owner.provider.client_authentication = ("post",)
    owner.provider.unknown_client = refusal
    owner.save()
    owner.authorize()
    assert owner.grant.status == GrantStatus.GENERATED


def test_parameters_in_the_authorization_url_are_not_repeated(owner: GrantOwner) -> None:
    owner.save(authorize_url=f"{owner.provider.url}/authorize?prompt=login&access_type=offline")
    asked = parse_qs(urlsplit(owner.start()).query)
    assert (asked["prompt"], asked["access_type"]) == (["login"], ["offline"])


def test_the_scope_for_all_allowed_permissions_is_not_missed(owner: GrantOwner) -> None:
    owner.save(scopes="https://mail.example/.default offline_access")
    owner.authorize()
    assert owner.grant.scopes == SCOPE


@pytest.mark.parametrize("issuer", ["http://127.0.0.1", "HTTP://127.0.0.1:80/", "http://127.0.0.1:80/realms/post"])
def test_the_host_of_an_issuer_is_compared_in_any_spelling(issuer: str) -> None:
    registration = ClientRegistration(OAuth2(), "", "", urls={"authorize_url": "http://127.0.0.1:80/authorize"})
    assert client.is_same_issuer(registration, issuer)


@pytest.mark.parametrize("answers", [{"error": ""}, {"token_type": "bEARER"}, {"token_type": None}, {"scope": None}])
def test_unusual_but_valid_token_responses_are_understood(owner: GrantOwner, answers: dict[str, Any]) -> None:
    owner.save()
    owner.provider.answers = answers
    owner.authorize()
    assert owner.grant.status == GrantStatus.GENERATED


@pytest.mark.parametrize("name", ["resource", "audience"])
def test_every_request_for_a_token_names_the_service(owner: GrantOwner, name: str) -> None:
    owner.save(token_url=f"{owner.provider.url}/token?{name}=https%3A%2F%2Fmail.example%2F&tenant=x")
    assert f"&{name}=https%3A%2F%2Fmail.example%2F&" in owner.start()
    owner.authorize()
    owner.tokens.refresh()
    assert [body.get(name) for body in owner.provider.bodies] == ["https://mail.example/"] * 2
    assert "tenant" not in owner.provider.bodies[0]


def test_secrets_are_sent_only_over_https_except_on_this_machine(owner: GrantOwner) -> None:
    owner.save(token_url="http://provider.example/token")
    with pytest.raises(NotConfigured):
        owner.authorize()


@pytest.mark.parametrize("kind", ["client_credentials", "service_account"])
def test_an_application_obtains_a_grant_itself(owner: GrantOwner, state: AppState, kind: str) -> None:
    owner.save(authentication=kind, secrets={"service_account_key": owner.provider.key_file})
    authorization.generate(owner.server)
    assert owner.provider.knows(owner.tokens.get().value) == owner.provider.account
    assert events(state) == [("grant.obtained", "")]


@pytest.mark.parametrize("key", ["", "{", "[]", "{}", '{"client_email": "x", "private_key": "y"}'])
def test_an_invalid_key_file_needs_the_administrator(owner: GrantOwner, key: str) -> None:
    owner.save(authentication="service_account", secrets={"service_account_key": key})
    with pytest.raises(NotConfigured):
        authorization.generate(owner.server)
    assert owner.grant.status == GrantStatus.ACTION_REQUIRED
