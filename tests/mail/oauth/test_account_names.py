"""Which account signed in at the provider, and whether it is the one in the settings."""

from contextlib import nullcontext
from typing import Any

import pytest

from tests.support.grants import GrantOwner
from tests.support.tokens import unsigned
from webapp.mail.grants import authorization
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
