"""“Generate access token”: to the provider and back to the form, whatever comes of it."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.conftest import PUBLIC_URL
from tests.mail.page import PAGE, error_at, saved
from tests.support.authorization import CLIENT_SECRET, AuthorizationServer
from tests.support.browser import PASSWORD, Browser
from tests.support.people import add_person
from webapp import clock
from webapp.accounts.models import Role, SignIn
from webapp.accounts.sign_ins import confirming
from webapp.audit.models import Entry
from webapp.context import Parts
from webapp.mail import opening
from webapp.mail.grants import service as grants
from webapp.mail.models import Grant, GrantStatus
from webapp.mail.oauth.faults import OAuthFault

START, CALLBACK = "/settings/mail/oauth/start", "/settings/mail/oauth/callback"
DEVICE = "/settings/mail/oauth/device"

pytestmark = pytest.mark.one_database


def typed(provider: AuthorizationServer, **given: Any) -> dict[str, Any]:
    """A whole form for the provider of the tests."""
    fields = {
        "mail_from": "Mailroom <mailroom@mailroom.example>", "provider": "custom", "host": "smtp.example.org",
        "port": "587", "security": "starttls", "timeout": "10", "tls_minimum": "1.2", "proxy_type": "none",
        "authentication": "authorization_code", "username": provider.account, "client_secret": CLIENT_SECRET,
    }  # fmt: skip
    return fields | provider.settings | given


def grant(parts: Parts) -> Grant | None:
    """The saved grant."""
    with parts.database.reading() as session:
        return grants.of(session, saved(parts).id)


def trail(parts: Parts) -> list[str]:
    """What the trail tells about grants."""
    with parts.database.reading() as session:
        found = session.scalars(select(Entry).where(Entry.event.like("grant%")).order_by(Entry.id)).all()
    return [entry.event for entry in found]


def begun(administrator: Browser, provider: AuthorizationServer, **given: Any) -> dict[str, str]:
    """The answer that a browser brings back from the provider."""
    answer = administrator.post(START, follow=False, **typed(provider, **given))
    assert answer.status_code == 303, error_at(answer, "client_secret")
    return provider.visit(answer.location)


def back(browser: Browser, query: dict[str, str]) -> TestResponse:
    """The browser comes back with it."""
    return browser.get(f"{CALLBACK}?{urlencode(query)}")


def ends_of_forms(page: TestResponse) -> set[str]:
    """Where forms of this page may end, as its policy says."""
    return set(page.headers["Content-Security-Policy"].partition("form-action ")[2].partition(";")[0].split())


def test_what_is_typed_is_saved_and_the_browser_goes_to_the_provider_and_back(
    administrator: Browser, provider: AuthorizationServer, parts: Parts
) -> None:
    page = back(administrator, begun(administrator, provider))
    assert page.request.path == PAGE
    assert "Access token status: generated" in page.text
    assert provider.account in page.text
    assert trail(parts) == ["grant made"]
    assert not [token for token in (CLIENT_SECRET, *provider.access, *provider.refresh) if token in page.text]


def test_saved_settings_need_the_button_alone(administrator: Browser, provider: AuthorizationServer) -> None:
    administrator.submit(PAGE, "save", **typed(provider))
    answer = administrator.post(START, follow=False)
    assert answer.status_code == 303
    assert answer.location.startswith(f"{provider.url}/authorize?")


def test_a_start_without_the_token_of_the_page_is_refused(
    administrator: Browser, provider: AuthorizationServer, parts: Parts
) -> None:
    administrator.submit(PAGE, "save", **typed(provider))
    for fields in ({}, typed(provider, host="smtp.attacker.example")):
        administrator.client.post(START, data=fields)
    assert (saved(parts).host, provider.asked) == ("smtp.example.org", [])


@pytest.mark.parametrize(
    ("alter", "words"),
    [
        (lambda query: {}, "was not begun here by you"),
        (lambda query: query | {"state": "wrong"}, "was not begun here by you"),
        (lambda query: query | {"iss": "https://attacker.example"}, "another provider than was asked"),
        (lambda query: {"state": query["state"], "error": "access_denied"}, "The request was declined"),
        (lambda query: {"state": query["state"], "error": "server_error"}, "cannot give out access tokens"),
        (lambda query: {"state": query["state"], "error": "<b>x</b>\r\nSet-Cookie: a=b"}, "refused to give"),
        (lambda query: query | {"code": "another"}, "no longer accepts the sign-in"),
    ],
)
def test_an_answer_that_is_no_use_ends_on_the_form(
    alter: Any, words: str, administrator: Browser, provider: AuthorizationServer, parts: Parts
) -> None:
    page = back(administrator, alter(begun(administrator, provider)))
    assert (page.status_code, page.request.path) == (200, PAGE)
    assert words in page.text
    assert "<b>x</b>" not in page.text
    assert grant(parts).status == GrantStatus.NONE  # type: ignore[union-attr]
    assert trail(parts) == ["grant refused"]
    assert words not in administrator.get(PAGE).text


@pytest.mark.parametrize(("chosen", "leads_on"), [("google", True), ("custom", True), ("sendgrid", False)])
def test_only_a_page_that_leads_to_a_provider_lets_forms_end_elsewhere(
    chosen: str, leads_on: bool, administrator: Browser
) -> None:
    allowed = ends_of_forms(administrator.submit(PAGE, "choose", provider=chosen))
    assert ("https:" in allowed) == leads_on
    assert "'self'" in allowed


def test_who_has_to_type_the_password_in_between_gets_to_the_provider_all_the_same(
    administrator: Browser, provider: AuthorizationServer
) -> None:
    fields = typed(provider) | {"csrf_token": administrator.csrf_token()}
    with time_machine.travel(clock.now() + confirming.CONFIRMED_FOR):
        asked = administrator.client.post(START, data=fields)
        assert {"'self'", "https:"} <= ends_of_forms(asked)
        assert {"'self'", "https:"} <= ends_of_forms(administrator.submit_on(asked, current_password="wrong"))
        held = re.search(r'name="held_form" value="([^"]+)"', asked.text)
        answer = administrator.client.post(
            START,
            data={"held_form": held and held[1], "current_password": PASSWORD, "csrf_token": fields["csrf_token"]},
        )
    assert answer.location.startswith(f"{provider.url}/authorize?")


def test_the_address_that_an_error_is_shown_at_can_be_opened_again(administrator: Browser) -> None:
    assert administrator.get(START).request.path == PAGE


def test_an_answer_counts_once(administrator: Browser, provider: AuthorizationServer, parts: Parts) -> None:
    query = begun(administrator, provider)
    back(administrator, query)
    assert "was not begun here by you" in back(administrator, query).text
    assert trail(parts) == ["grant made", "grant refused"]


def test_an_answer_in_a_browser_that_is_not_signed_in_leaves_nothing_in_its_address(
    administrator: Browser, stranger: Browser, provider: AuthorizationServer, parts: Parts
) -> None:
    query = begun(administrator, provider)
    page = back(stranger, query)
    assert "no administrator is signed in" in page.text
    assert query["code"] not in page.request.full_path + page.text
    assert trail(parts) == ["grant refused"]
    assert provider.asked == []


def test_an_answer_in_a_members_browser_leaves_nothing_in_its_address(
    member: Browser, provider: AuthorizationServer, parts: Parts
) -> None:
    page = back(member, {"code": "secret-code", "state": "x"})
    assert (page.status_code, page.request.full_path) == (403, f"{CALLBACK}?")
    assert trail(parts) == ["grant refused"]
    assert provider.asked == []


def test_another_administrators_answer_is_refused(
    administrator: Browser, provider: AuthorizationServer, parts: Parts
) -> None:
    query = begun(administrator, provider)
    other = Browser(administrator.app, add_person(parts.database, "eve@mailroom.example", Role.ADMINISTRATOR))
    other.let_in()
    assert "was not begun here by you" in back(other, query).text
    assert provider.asked == []


def test_who_opened_mailroom_at_another_address_is_told_before_leaving(
    administrator: Browser, provider: AuthorizationServer, parts: Parts
) -> None:
    administrator.submit(PAGE, "save", **typed(provider))
    fields = {"csrf_token": administrator.csrf_token()}
    headers = {"Origin": "http://10.0.0.5:8000"}
    page = administrator.client.post(START, data=fields, headers=headers, follow_redirects=True)
    assert "where you are not signed in" in page.text
    assert PUBLIC_URL in page.text
    assert trail(parts) == ["grant refused"]


def test_answers_that_take_longer_than_the_password_holds_still_count(
    administrator: Browser, provider: AuthorizationServer, parts: Parts
) -> None:
    query = begun(administrator, provider)
    with parts.database.writing() as session:
        for one in session.scalars(select(SignIn)):
            one.confirmed_at = clock.now() - confirming.CONFIRMED_FOR
    back(administrator, query)
    assert trail(parts) == ["grant made"]


def test_a_saved_client_secret_can_be_removed_and_the_grant_goes_with_it(
    administrator: Browser, provider: AuthorizationServer, parts: Parts
) -> None:
    back(administrator, begun(administrator, provider))
    assert "Remove the saved client secret" in administrator.get(PAGE).text
    without = typed(provider, client_secret="", remove_client_secret="y")
    assert "The access token was dropped" in administrator.submit(PAGE, "save", **without).text
    assert saved(parts).secrets == {}
    assert "Remove the saved client secret" not in administrator.get(PAGE).text


@pytest.mark.parametrize(("authentication", "secret"), [("client_credentials", ""), ("authorization_code", "another")])
def test_a_client_secret_that_is_needed_or_typed_is_not_removed(
    authentication: str, secret: str, administrator: Browser, provider: AuthorizationServer, parts: Parts
) -> None:
    fields = typed(provider, authentication=authentication)
    administrator.submit(PAGE, "save", **fields)
    administrator.submit(PAGE, "save", **fields | {"client_secret": secret, "remove_client_secret": "y"})
    assert set(saved(parts).secrets) == {"client_secret"}


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "another"}, {"client_secret": "another"}, {"scopes": "another"},
        {"username": "b@mailroom.example"},
        {"authorize_url": "https://other.example/a"}, {"token_url": "https://other.example/t"},
        {"authentication": "password", "password": "secret"},
        {"provider": "google", "host": "smtp.gmail.com"},
    ],
)  # fmt: skip
def test_a_change_of_what_it_was_made_for_drops_it_and_says_so(
    change: dict[str, str], administrator: Browser, provider: AuthorizationServer, parts: Parts
) -> None:
    page = back(administrator, begun(administrator, provider))
    assert "this access token is dropped" in page.text
    page = administrator.post(PAGE, save="1", **typed(provider) | change)
    assert "The access token was dropped" in page.text
    assert trail(parts) == ["grant made", "grant dropped"]


@pytest.mark.parametrize("chosen", ["google", "sendgrid"])
def test_a_look_at_another_provider_shows_no_grant_of_this_one_and_says_that_saving_drops_it(
    chosen: str, administrator: Browser, provider: AuthorizationServer
) -> None:
    back(administrator, begun(administrator, provider))
    page = administrator.submit(PAGE, "choose", provider=chosen)
    assert "status: generated" not in page.text
    assert "this access token is dropped" in page.text


def test_another_timeout_keeps_it(administrator: Browser, provider: AuthorizationServer, parts: Parts) -> None:
    back(administrator, begun(administrator, provider))
    page = administrator.submit(PAGE, "save", timeout="30")
    assert "Access token status: generated" in page.text
    assert trail(parts) == ["grant made"]


@pytest.mark.parametrize("kind", ["client_credentials", "service_account"])
def test_an_application_that_signs_in_by_itself_leaves_no_page(
    kind: str, administrator: Browser, provider: AuthorizationServer, parts: Parts
) -> None:
    page = administrator.post(
        START,
        **typed(provider, authentication=kind, service_account_key=provider.key_file, client_secret=CLIENT_SECRET),
    )
    assert "Access token status: generated" in page.text
    assert "PRIVATE KEY" not in page.text + str(saved(parts).secrets)


def test_a_code_typed_elsewhere_generates_it(administrator: Browser, provider: AuthorizationServer) -> None:
    page = administrator.post(START, **typed(provider, authentication="device_code"))
    code = page.text.partition('class="device-code" dir="ltr">')[2].partition("<")[0]
    assert "nobody has typed the code yet" in administrator.post(DEVICE).text
    provider.type_code(code)
    with time_machine.travel(clock.now() + timedelta(seconds=6), tick=False):
        assert "Access token status: generated" in administrator.post(DEVICE).text


def test_a_script_that_waits_for_the_code_gets_json(administrator: Browser, provider: AuthorizationServer) -> None:
    administrator.post(START, **typed(provider, authentication="device_code"))
    fields = {"csrf_token": administrator.csrf_token()}
    answer = administrator.client.post(DEVICE, data=fields, headers={"Accept": "application/json"})
    assert answer.json == {"waiting": True}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("client_id", "", "Enter a value"), ("client_id", "x" * 300, "no client ID"),
        ("token_url", "", "Enter a value"), ("token_url", "http://token.example/", "starts with https://"),
        ("authorize_url", "javascript:alert(1)", "starts with https://"),
        ("authorize_url", "https://user:pass@example.org/", "starts with https://"),
        ("scopes", 'a "b"', "spaces between them"),
    ],
)  # fmt: skip
def test_a_bad_value_is_told_beside_its_field(
    field: str, value: str, words: str, administrator: Browser, provider: AuthorizationServer
) -> None:
    page = administrator.submit(PAGE, "save", **typed(provider, **{field: value}))
    assert words in error_at(page, field)
    assert provider.account in page.text


@pytest.mark.parametrize(
    ("key", "words"),
    [("", "Enter this"), ('{"type": "service_account"}', "lacks client_email"), ("no json", "not JSON"),
     ("[" * 9_000, "JSON"), ("x" * 20_000, "Too long")],
)  # fmt: skip
def test_a_key_file_that_is_none_is_told_and_never_shown(
    key: str, words: str, administrator: Browser, provider: AuthorizationServer
) -> None:
    fields = typed(provider, authentication="service_account", service_account_key=key, client_secret="")
    page = administrator.submit(PAGE, "save", **fields)
    assert words in error_at(page, "service_account_key")
    assert not key or key[:20] not in page.text.partition("<form")[2]


@pytest.mark.parametrize("field", ["token_url", "device_authorization_url", "client_id"])
def test_a_saved_client_secret_is_shown_to_nobody_else(
    field: str, administrator: Browser, provider: AuthorizationServer, parts: Parts
) -> None:
    administrator.submit(PAGE, "save", **typed(provider, authentication="device_code"))
    elsewhere = {field: "https://attacker.example/", "client_secret": ""}
    page = administrator.post(START, **typed(provider, authentication="device_code") | elsewhere)
    assert "Type this again" in error_at(page, "client_secret")
    assert saved(parts).device_authorization_url == provider.settings["device_authorization_url"]


def test_a_dead_grant_says_what_to_do(administrator: Browser, provider: AuthorizationServer, parts: Parts) -> None:
    back(administrator, begun(administrator, provider))
    provider.revoke()
    with pytest.raises(OAuthFault):
        opening.token_source(saved(parts), parts).renew()
    page = administrator.get(PAGE)
    assert "Access token status: needs you" in page.text
    assert "no longer accepts the sign-in" in page.text
    assert ">Generate access token</button>" in page.text


def test_the_button_is_called_as_the_steps_beside_it_call_it(
    administrator: Browser, provider: AuthorizationServer
) -> None:
    query = begun(administrator, provider)
    assert ">Update access token</button>" in back(administrator, query).text
    refused = back(administrator, query).text
    assert "“Generate access token”" in refused
    assert ">Generate access token</button>" in refused
