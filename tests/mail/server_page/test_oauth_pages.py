"""“Generate access token”: to the provider and back to the form, whatever comes of it."""

import re
from datetime import timedelta

import pytest
import time_machine
from werkzeug.test import TestResponse

from tests.conftest import PUBLIC_URL
from tests.mail.grants.page import DEVICE, START, back, begun, trail, typed
from tests.mail.page import PAGE, error_at, saved
from tests.support.authorization import CLIENT_SECRET, AuthorizationServer
from tests.support.browser import PASSWORD, Browser
from webapp.accounts.sessions import reauthentication
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.mail.grants import token_source
from webapp.mail.oauth.errors import OAuthError

pytestmark = pytest.mark.one_database


def ends_of_forms(page: TestResponse) -> set[str]:
    """Where forms of this page may end, as its policy says."""
    return set(page.headers["Content-Security-Policy"].partition("form-action ")[2].partition(";")[0].split())


def test_what_is_typed_is_saved_and_the_browser_goes_to_the_provider_and_back(
    administrator: Browser, provider: AuthorizationServer, parts: AppState
) -> None:
    page = back(administrator, begun(administrator, provider))
    assert page.request.path == PAGE
    assert "Access token status: Generated" in page.text
    assert provider.account in page.text
    assert trail(parts) == ["grant.obtained"]
    assert not [token for token in (CLIENT_SECRET, *provider.access, *provider.refresh) if token in page.text]


def test_saved_settings_need_the_button_alone(administrator: Browser, provider: AuthorizationServer) -> None:
    administrator.submit(PAGE, "save", **typed(provider))
    answer = administrator.post(START, follow=False)
    assert answer.status_code == 303
    assert answer.location.startswith(f"{provider.url}/authorize?")


def test_a_start_without_the_token_of_the_page_is_refused(
    administrator: Browser, provider: AuthorizationServer, parts: AppState
) -> None:
    administrator.submit(PAGE, "save", **typed(provider))
    for fields in ({}, typed(provider, host="smtp.attacker.example")):
        administrator.client.post(START, data=fields)
    assert (saved(parts).host, provider.asked) == ("smtp.example.org", [])


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
    with time_machine.travel(clock.now() + reauthentication.VALID_FOR):
        asked = administrator.client.post(START, data=fields)
        assert {"'self'", "https:"} <= ends_of_forms(asked)
        assert {"'self'", "https:"} <= ends_of_forms(administrator.submit_on(asked, current_password="wrong"))
        held = re.search(r'name="saved_form" value="([^"]+)"', asked.text)
        again = {"saved_form": held and held[1], "current_password": PASSWORD, "csrf_token": fields["csrf_token"]}
        answer = administrator.client.post(START, data=again)
    assert answer.location.startswith(f"{provider.url}/authorize?")


def test_the_address_that_an_error_is_shown_at_can_be_opened_again(administrator: Browser) -> None:
    assert administrator.get(START).request.path == PAGE


def test_who_opened_mailroom_at_another_address_is_told_before_leaving(
    administrator: Browser, provider: AuthorizationServer, parts: AppState
) -> None:
    administrator.submit(PAGE, "save", **typed(provider))
    fields = {"csrf_token": administrator.csrf_token()}
    headers = {"Origin": "http://10.0.0.5:8000"}
    page = administrator.client.post(START, data=fields, headers=headers, follow_redirects=True)
    assert "where you are not signed in" in page.text
    assert PUBLIC_URL in page.text
    assert trail(parts) == ["grant.refused"]


@pytest.mark.parametrize("kind", ["client_credentials", "service_account"])
def test_an_application_that_signs_in_by_itself_leaves_no_page(
    kind: str, administrator: Browser, provider: AuthorizationServer, parts: AppState
) -> None:
    page = administrator.post(
        START,
        **typed(provider, authentication=kind, service_account_key=provider.key_file, client_secret=CLIENT_SECRET),
    )
    assert "Access token status: Generated" in page.text
    assert "PRIVATE KEY" not in page.text + str(saved(parts).sealed_secrets)


def test_a_code_typed_elsewhere_generates_it(administrator: Browser, provider: AuthorizationServer) -> None:
    page = administrator.post(START, **typed(provider, authentication="device_code"))
    code = page.text.partition('class="device-code" dir="ltr">')[2].partition("<")[0]
    assert "nobody has typed the code yet" in administrator.post(DEVICE).text
    provider.type_code(code)
    with time_machine.travel(clock.now() + timedelta(seconds=6), tick=False):
        assert "Access token status: Generated" in administrator.post(DEVICE).text


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
    assert "Typed just now" not in page.text
    assert not key or key[:20] not in page.text.partition("<form")[2]


def test_a_dead_grant_says_what_to_do(administrator: Browser, provider: AuthorizationServer, parts: AppState) -> None:
    back(administrator, begun(administrator, provider))
    provider.revoke()
    with pytest.raises(OAuthError):
        token_source.for_server(saved(parts), parts).refresh()
    page = administrator.get(PAGE)
    assert "Access token status: Needs attention" in page.text
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
