"""Which account signed in at the provider, and whether it is the one in the settings."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest

from tests.support.grants import GrantOwner
from tests.support.scripted import ScriptedServer
from tests.support.tokens import unsigned
from webapp.mail.grants import authorization
from webapp.mail.models import GrantStatus
from webapp.mail.oauth import discovery
from webapp.mail.oauth.errors import AuthorizationFailed

pytestmark = pytest.mark.one_database


@pytest.mark.parametrize("account", ["mailroom@mailroom.example", "eve@mailroom.example"])
def test_userinfo_names_the_account_if_the_id_token_does_not(owner: GrantOwner, account: str) -> None:
    owner.save()
    owner.provider.conforming, owner.provider.account = True, account
    with (
        nullcontext() if account == owner.server.username else pytest.raises(AuthorizationFailed, match="wrong_account")
    ):
        owner.authorize()
        assert owner.grant.account == account


@pytest.mark.parametrize(
    ("userinfo", "issuer"),
    [
        ({"email": None}, None),
        ({"email": "eve@mailroom.example", "sub": "8"}, None),
        ({}, "http://127.0.0.1:1"),
        ({}, "http://provider.example"),
        ({}, "https://[provider.example"),
        ({}, ""),
    ],
)
def test_an_authorization_does_not_need_a_name(owner: GrantOwner, userinfo: dict[str, Any], issuer: str | None) -> None:
    owner.save()
    owner.provider.userinfo = {"sub": "7"} | userinfo
    claims = {"iss": owner.provider.url if issuer is None else issuer, "aud": "mailroom-client", "sub": "7"}
    owner.provider.answers = {"id_token": unsigned(claims)}
    query = owner.provider.visit(owner.start())
    authorization.complete(owner.session_id, {name: value for name, value in query.items() if name != "iss"})
    assert owner.grant.account == "7"


def test_only_configured_hosts_are_asked_for_a_name(owner: GrantOwner, scripted: Callable[..., ScriptedServer]) -> None:
    owner.save()
    elsewhere = scripted()
    address = f"http://{elsewhere.host}:{elsewhere.port}"
    for issuer, userinfo in [(address, f"{address}/userinfo"), (owner.provider.url, f"{address}/userinfo")]:
        owner.provider.metadata = {"userinfo_endpoint": userinfo}
        owner.provider.answers = {"id_token": unsigned({"iss": issuer, "aud": "mailroom-client", "sub": "7"})}
        query = owner.provider.visit(owner.start())
        authorization.complete(owner.session_id, {name: value for name, value in query.items() if name != "iss"})
        assert owner.grant.account == "7"
    assert elsewhere.connections == 0


def test_a_provider_that_never_names_the_account_holds_nobody_up(
    owner: GrantOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner.save()
    owner.provider.conforming = True
    monkeypatch.setattr(owner.provider, "describe", lambda _path, _authorization: owner.provider.closing.wait(60))
    monkeypatch.setattr(discovery, "TIMEOUT", 0.5)
    started = time.monotonic()
    owner.authorize()
    assert time.monotonic() - started < 30
    assert owner.grant.status == GrantStatus.GENERATED


@pytest.mark.parametrize("audience", ["mailroom-client", ["another", "mailroom-client"]])
def test_a_subject_that_is_an_address_names_the_account(owner: GrantOwner, audience: object) -> None:
    owner.save()
    owner.provider.answers = {"id_token": unsigned({"aud": audience, "sub": "eve@mailroom.example"})}
    with pytest.raises(AuthorizationFailed):
        owner.authorize()


def test_an_account_without_a_domain_is_compared_without_it(owner: GrantOwner) -> None:
    owner.save()
    for name, right in [("Mailroom", True), ("eve", False)]:
        owner.provider.answers = {"id_token": unsigned({"aud": "mailroom-client", "preferred_username": name})}
        with nullcontext() if right else pytest.raises(AuthorizationFailed):
            owner.authorize()
