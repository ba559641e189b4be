"""Who signed in at the provider, and whether that is who the mail is sent as."""

from contextlib import nullcontext
from typing import Any

import pytest

from tests.support.grants import GrantOwner
from tests.support.tokens import unsigned
from webapp.core.app_state import AppState
from webapp.mail.grants import authorization
from webapp.mail.oauth.errors import AuthorizationFailed

pytestmark = pytest.mark.one_database


def test_another_account_than_the_user_name_is_named(owner: GrantOwner) -> None:
    owner.save()
    owner.provider.account = "eve@mailroom.example"
    with pytest.raises(AuthorizationFailed, match=r"eve@mailroom\.example"):
        owner.sign_in()


@pytest.mark.parametrize("account", ["mailroom@mailroom.example", "eve@mailroom.example"])
def test_a_provider_whose_id_tokens_name_nobody_is_asked_who_signed_in(owner: GrantOwner, account: str) -> None:
    owner.save()
    owner.provider.conforming, owner.provider.account = True, account
    with nullcontext() if account == owner.server.username else pytest.raises(AuthorizationFailed, match=account):
        owner.sign_in()
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
def test_a_sign_in_does_not_fail_for_the_want_of_a_name(
    owner: GrantOwner, parts: AppState, userinfo: dict[str, Any], issuer: str | None
) -> None:
    owner.save()
    owner.provider.userinfo = {"sub": "7"} | userinfo
    claims = {"iss": owner.provider.url if issuer is None else issuer, "aud": "mailroom-client", "sub": "7"}
    owner.provider.answers = {"id_token": unsigned(claims)}
    query = owner.provider.visit(owner.begin())
    authorization.complete(parts, owner.sign_in_id, {name: value for name, value in query.items() if name != "iss"})
    assert owner.grant.account == "7"


@pytest.mark.parametrize("audience", ["mailroom-client", ["another", "mailroom-client"]])
def test_a_subject_that_is_an_address_names_the_account(owner: GrantOwner, audience: object) -> None:
    owner.save()
    owner.provider.answers = {"id_token": unsigned({"aud": audience, "sub": "eve@mailroom.example"})}
    with pytest.raises(AuthorizationFailed):
        owner.sign_in()


def test_an_account_without_a_domain_is_compared_as_far_as_it_goes(owner: GrantOwner) -> None:
    owner.save()
    for name, right in [("Mailroom", True), ("eve", False)]:
        owner.provider.answers = {"id_token": unsigned({"aud": "mailroom-client", "preferred_username": name})}
        with nullcontext() if right else pytest.raises(AuthorizationFailed):
            owner.sign_in()
