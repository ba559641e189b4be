"""Signing in at a provider, and everything that can go wrong on the way back."""

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
from webapp.mail.grants import authorization as consent
from webapp.mail.models import GrantStatus
from webapp.mail.oauth import client
from webapp.mail.oauth.errors import (
    AuthorizationFailed,
    InvalidTokenResponse,
    NotConfigured,
    OAuthError,
    ProviderUnavailable,
    TokenRefused,
    Unanswered,
)
from webapp.mail.oauth.registration import ClientRegistration
from webapp.providers import OAuth2

Alter = Callable[[dict[str, str]], dict[str, str]]


def events(parts: AppState) -> list[tuple[str, str]]:
    """What the trail tells about grants."""
    with parts.database.read() as session:
        found = session.scalars(select(AuditEntry).where(AuditEntry.event.like("grant%")).order_by(AuditEntry.id)).all()
    return [(entry.event, entry.data.get("code", "")) for entry in found]


def test_who_signs_in_gains_a_grant(owner: GrantOwner, parts: AppState) -> None:
    owner.save()
    assert owner.grant.status == GrantStatus.NONE
    owner.sign_in()
    grant = owner.grant
    assert (grant.status, grant.account, grant.scopes) == (GrantStatus.GENERATED, owner.provider.account, SCOPE)
    assert owner.provider.knows(owner.tokens.get().value) == owner.provider.account
    assert events(parts) == [("grant.obtained", "")]


def test_nothing_secret_is_kept_in_the_clear(owner: GrantOwner) -> None:
    owner.save()
    owner.begin()
    owner.sign_in()
    rows = str({**vars(owner.grant), **vars(owner.server)})
    secrets = [CLIENT_SECRET, *owner.provider.access, *owner.provider.refresh]
    assert not [secret for secret in secrets if secret in rows]


def test_the_provider_is_asked_with_pkce_a_hint_and_its_own_scopes(owner: GrantOwner) -> None:
    owner.save()
    address = owner.begin()
    assert "code_challenge_method=S256" in address
    assert "login_hint=mailroom%40mailroom.example" in address
    assert "redirect_uri=https%3A%2F%2Fmailroom.example%2Fsettings%2Fmail%2Foauth%2Fcallback" in address
    assert CLIENT_SECRET not in address


@pytest.mark.parametrize(
    ("alter", "fault"),
    [
        (lambda query: {}, AuthorizationFailed),
        (lambda query: query | {"state": "wrong"}, AuthorizationFailed),
        (lambda query: query | {"iss": "https://attacker.example"}, AuthorizationFailed),
        (lambda query: query | {"iss": "https://[attacker.example"}, AuthorizationFailed),
        (lambda query: {"state": query["state"], "error": "access_denied"}, AuthorizationFailed),
        (lambda query: {"state": query["state"]}, AuthorizationFailed),
        (lambda query: query | {"code": "guessed"}, TokenRefused),
    ],
)
@pytest.mark.one_database
def test_an_answer_that_is_not_right_changes_nothing(
    owner: GrantOwner, parts: AppState, alter: Alter, fault: type[OAuthError]
) -> None:
    owner.save()
    query = owner.provider.visit(owner.begin())
    with pytest.raises(fault) as caught:
        consent.complete(parts, owner.sign_in_id, alter(query))
    assert type(caught.value) is fault
    assert owner.grant.status == GrantStatus.NONE
    assert events(parts) == [("grant.refused", caught.value.code)]


@pytest.mark.one_database
def test_a_state_is_good_for_one_answer_in_one_browser_for_ten_minutes(owner: GrantOwner, parts: AppState) -> None:
    owner.save()
    used = owner.provider.visit(owner.begin())
    consent.complete(parts, owner.sign_in_id, used)
    theirs = owner.provider.visit(owner.begin())
    with time_machine.travel(clock.now() - timedelta(minutes=11)):
        old = owner.begin()
    for browser, query in [(owner.sign_in_id, used), (owner.sign_in_id + 1, theirs)]:
        with pytest.raises(AuthorizationFailed):
            consent.complete(parts, browser, query)
    with pytest.raises(AuthorizationFailed):
        consent.complete(parts, owner.sign_in_id, owner.provider.visit(old))


@pytest.mark.parametrize(
    ("answers", "fault"),
    [
        ({"refresh_token": None}, AuthorizationFailed),
        ({"scope": "something.else"}, AuthorizationFailed),
        ({"access_token": None}, InvalidTokenResponse),
        ({"access_token": "with space"}, InvalidTokenResponse),
        ({"access_token": "x\x01auth=Bearer y"}, InvalidTokenResponse),
        ({"token_type": "mac"}, InvalidTokenResponse),
        ({"expires_in": 0}, InvalidTokenResponse),
        ({"expires_in": -5}, InvalidTokenResponse),
        ({"expires_in": "soon"}, InvalidTokenResponse),
        ({"expires_in": ["3600"]}, InvalidTokenResponse),
    ],
)
@pytest.mark.one_database
def test_tokens_that_are_no_use_are_not_saved(
    owner: GrantOwner, answers: dict[str, Any], fault: type[OAuthError]
) -> None:
    owner.save()
    owner.provider.answers = answers
    with pytest.raises(fault):
        owner.sign_in()
    assert owner.grant.status == GrantStatus.NONE


@pytest.mark.parametrize(
    ("expires_in", "minutes"), [(None, 60), ("1800", 30), (1800.5, 30), (10**400, 1440), (1e300, 1440)]
)
@pytest.mark.one_database
def test_a_token_lives_as_long_as_is_said_within_reason(owner: GrantOwner, expires_in: object, minutes: int) -> None:
    owner.save()
    owner.provider.answers = {"expires_in": expires_in}
    owner.sign_in()
    grant = owner.grant
    assert grant.access_expires_at is not None
    assert grant.last_refresh_at is not None
    assert (grant.access_expires_at - grant.last_refresh_at) // timedelta(minutes=1) == minutes


@pytest.mark.one_database
def test_of_two_issuers_on_one_host_the_id_token_tells_which_one_answered(owner: GrantOwner, parts: AppState) -> None:
    owner.save()
    query = owner.provider.visit(owner.begin())
    with pytest.raises(AuthorizationFailed):
        consent.complete(parts, owner.sign_in_id, query | {"iss": f"{owner.provider.url}/realms/other"})
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
@pytest.mark.one_database
def test_an_issuer_on_another_host_has_to_name_the_addresses_itself(
    owner: GrantOwner, metadata: dict[str, Any], refusal: AbstractContextManager[Any]
) -> None:
    owner.save()
    owner.provider.issuer = owner.provider.url.replace("127.0.0.1", "localhost")
    owner.provider.metadata = metadata
    with refusal:
        owner.sign_in()
    assert owner.grant.status == (GrantStatus.NONE if metadata else GrantStatus.GENERATED)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [("500", ProviderUnavailable), ("429", ProviderUnavailable), ("302", ProviderUnavailable),
     ("html", InvalidTokenResponse),
     ("huge", Unanswered), ("drop", Unanswered), ("404", InvalidTokenResponse)],
)  # fmt: skip
@pytest.mark.one_database
def test_a_provider_that_misbehaves_is_told_from_one_that_refuses(
    owner: GrantOwner, fault: str, expected: type[OAuthError]
) -> None:
    owner.save()
    owner.provider.misbehave(fault)
    with pytest.raises(expected) as caught:
        owner.sign_in()
    assert type(caught.value) is expected
    assert "elsewhere" not in owner.provider.asked
    assert owner.grant.status == GrantStatus.NONE


@pytest.mark.one_database
def test_settings_saved_meanwhile_end_a_sign_in(owner: GrantOwner, parts: AppState) -> None:
    owner.save()
    query = owner.provider.visit(owner.begin())
    owner.save(client_id="another")
    with pytest.raises(AuthorizationFailed):
        consent.complete(parts, owner.sign_in_id, query)


@pytest.mark.parametrize("refusal", [("invalid_client", 400), ("unauthorized_client", 401)])
@pytest.mark.one_database
def test_a_server_that_takes_secrets_in_the_body_alone_gets_it_there(
    owner: GrantOwner, refusal: tuple[str, int]
) -> None:
    owner.provider.client_authentication = ("post",)
    owner.provider.unknown_client = refusal
    owner.save()
    owner.sign_in()
    assert owner.grant.status == GrantStatus.GENERATED


@pytest.mark.one_database
def test_what_the_authorize_address_says_already_is_not_said_twice(owner: GrantOwner) -> None:
    owner.save(authorize_url=f"{owner.provider.url}/authorize?prompt=login&access_type=offline")
    asked = parse_qs(urlsplit(owner.begin()).query)
    assert (asked["prompt"], asked["access_type"]) == (["login"], ["offline"])


@pytest.mark.one_database
def test_a_scope_that_stands_for_all_that_was_allowed_is_not_missed(owner: GrantOwner) -> None:
    owner.save(scopes="https://mail.example/.default offline_access")
    owner.sign_in()
    assert owner.grant.scopes == SCOPE


@pytest.mark.parametrize("issuer", ["http://127.0.0.1", "HTTP://127.0.0.1:80/", "http://127.0.0.1:80/realms/post"])
def test_the_host_of_an_issuer_is_the_same_however_it_is_written(issuer: str) -> None:
    registration = ClientRegistration(OAuth2(), "", "", urls={"authorize_url": "http://127.0.0.1:80/authorize"})
    assert client.is_same_issuer(registration, issuer)


@pytest.mark.parametrize("answers", [{"error": ""}, {"token_type": "bEARER"}, {"token_type": None}, {"scope": None}])
@pytest.mark.one_database
def test_what_some_providers_write_otherwise_or_leave_out_is_understood(
    owner: GrantOwner, answers: dict[str, Any]
) -> None:
    owner.save()
    owner.provider.answers = answers
    owner.sign_in()
    assert owner.grant.status == GrantStatus.GENERATED


@pytest.mark.parametrize("name", ["resource", "audience"])
@pytest.mark.one_database
def test_the_service_that_a_token_is_for_is_named_in_every_request_for_one(owner: GrantOwner, name: str) -> None:
    owner.save(token_url=f"{owner.provider.url}/token?{name}=https%3A%2F%2Fmail.example%2F&tenant=x")
    assert f"&{name}=https%3A%2F%2Fmail.example%2F&" in owner.begin()
    owner.sign_in()
    owner.tokens.refresh()
    assert [body.get(name) for body in owner.provider.bodies] == ["https://mail.example/"] * 2
    assert "tenant" not in owner.provider.bodies[0]


@pytest.mark.one_database
def test_a_secret_goes_over_https_alone_unless_to_this_machine(owner: GrantOwner) -> None:
    owner.save(token_url="http://provider.example/token")
    with pytest.raises(NotConfigured):
        owner.sign_in()


@pytest.mark.parametrize("kind", ["client_credentials", "service_account"])
def test_an_application_signs_in_by_itself(owner: GrantOwner, parts: AppState, kind: str) -> None:
    owner.save(authentication=kind, secrets={"service_account_key": owner.provider.key_file})
    consent.generate(parts, owner.server)
    assert owner.provider.knows(owner.tokens.get().value) == owner.provider.account
    assert events(parts) == [("grant.obtained", "")]


@pytest.mark.parametrize("minutes", [-10, 10])
@pytest.mark.one_database
def test_a_service_account_bears_a_clock_that_is_wrong(owner: GrantOwner, parts: AppState, minutes: int) -> None:
    owner.save(authentication="service_account", secrets={"service_account_key": owner.provider.key_file})
    owner.provider.skew = timedelta(minutes=minutes)
    consent.generate(parts, owner.server)
    assert owner.grant.status == GrantStatus.GENERATED


@pytest.mark.parametrize("key", ["", "{", "[]", "{}", '{"client_email": "x", "private_key": "y"}'])
@pytest.mark.one_database
def test_a_key_file_that_is_none_needs_the_administrator(owner: GrantOwner, parts: AppState, key: str) -> None:
    owner.save(authentication="service_account", secrets={"service_account_key": key})
    with pytest.raises(NotConfigured):
        consent.generate(parts, owner.server)
    assert owner.grant.status == GrantStatus.ACTION_REQUIRED
