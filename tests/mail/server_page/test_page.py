"""The mail server page, as administrators use it and others misuse it."""

import pytest

from tests.mail.conftest import later
from tests.mail.page import PAGE, custom, error_at, find_saved, password, saved, shown
from tests.support.browser import Browser
from tests.support.html import forms_of
from tests.support.inbox import SENDER, Inbox
from webapp.core.app_state import AppState
from webapp.mail.models import MailServer

pytestmark = pytest.mark.one_database


def test_the_form_saves_the_mail_server(administrator: Browser, state: AppState) -> None:
    page = administrator.submit(PAGE, "save", **custom())
    assert "Saved and in use." in page.text
    assert (saved(state).host, saved(state).port, saved(state).security) == ("smtp.example.org", 2525, "starttls")
    assert password(state) == "first-password"


def test_saving_without_a_change_says_so(administrator: Browser, state: AppState) -> None:
    administrator.submit(PAGE, "save", **custom())
    before = saved(state)
    with later(minutes=1):
        page = administrator.submit(PAGE, "save")
    assert "Nothing was changed." in page.text
    assert (saved(state).updated_at, saved(state).version) == (before.updated_at, before.version)


def test_a_save_that_only_shows_another_provider_says_that_nothing_was_saved(
    administrator: Browser, state: AppState
) -> None:
    page = administrator.submit(PAGE, "save", provider="sendgrid")
    assert "Not saved yet: " in page.text
    assert find_saved(state) is None
    assert "Not saved yet: " not in administrator.submit(PAGE, "choose", provider="sendgrid").text


def test_no_secret_is_in_the_page_or_readable_in_the_database(administrator: Browser, state: AppState) -> None:
    administrator.submit(PAGE, "save", **custom())
    page = administrator.get(PAGE)
    assert "first-password" not in page.text
    assert "first-password" not in str(saved(state).sealed_secrets)
    assert "Leave blank to keep the saved value." in page.text


def test_a_blank_password_keeps_the_saved_one(administrator: Browser, state: AppState) -> None:
    administrator.submit(PAGE, "save", **custom())
    administrator.submit(PAGE, "save", password="", timeout="30")
    assert (password(state), saved(state).timeout) == ("first-password", 30)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"host": "smtp.attacker.example"}, "Host"),
        ({"port": "465", "security": "tls"}, "Port and Security"),
        ({"username": "other"}, "User name"),
        (
            {"proxy_type": "http", "proxy_host": "proxy.example", "proxy_port": "3128"},
            "Proxy, Proxy host and Proxy port",
        ),
    ],
)
@pytest.mark.parametrize("button", ["save", "test"])
def test_a_saved_password_goes_nowhere_else(
    change: dict[str, str], names: str, button: str, administrator: Browser, state: AppState
) -> None:
    administrator.submit(PAGE, "save", **custom())
    fields = custom(password="", test_recipient="a@b.example") | change | {button: "1"}
    error = error_at(administrator.post(PAGE, **fields), "password")
    assert error.startswith(f"Enter “Password” again, because you changed {names}.")
    assert saved(state).host == "smtp.example.org"


@pytest.mark.parametrize(("provider", "error"), [("custom", "“Password”"), ("sendgrid", "“API key”")])
def test_a_secret_that_was_never_entered_is_asked_for(provider: str, error: str, administrator: Browser) -> None:
    page = administrator.post(PAGE, **custom(password="", save="1", provider=provider, shown_provider=provider))
    assert error in error_at(page, "password")


def test_a_secret_saved_for_another_provider_is_not_used(administrator: Browser) -> None:
    administrator.submit(PAGE, "save", **custom())
    page = administrator.post(PAGE, **custom(password="", save="1", provider="sendgrid", shown_provider="sendgrid"))
    assert error_at(page, "password") == "Enter a value for “API key”."


def test_saving_without_authentication_deletes_the_password(administrator: Browser, state: AppState) -> None:
    administrator.submit(PAGE, "save", **custom())
    administrator.submit(PAGE, "save", authentication="none")
    assert saved(state).sealed_secrets == {}


def test_an_error_loses_nothing_that_was_entered(administrator: Browser, state: AppState) -> None:
    page = administrator.submit(PAGE, "save", **custom(password="x" * 1900, timeout="0", username="a@example.org"))
    assert "a@example.org" in page.text
    assert "x" * 100 not in page.text
    assert "Saved." not in page.text
    administrator.submit_on(page, "save", timeout="10", password="")
    assert password(state) == "x" * 1900


@pytest.mark.parametrize("kept", ["[" * 7000, "{", '{"google": 1, "custom": {"port": []}}'])
def test_kept_values_that_are_garbage_are_ignored(kept: str, administrator: Browser) -> None:
    page = administrator.post(PAGE, **custom(choose="1", provider="google", shown_provider="custom", kept_values=kept))
    assert 'value="smtp.gmail.com"' in page.text


def test_a_field_that_is_not_sent_keeps_its_value(administrator: Browser, state: AppState) -> None:
    administrator.submit(PAGE, "save", **custom(timeout="77"))
    administrator.post(PAGE, **custom(save="1", password=""))
    assert saved(state).timeout == 77


def test_a_form_without_a_valid_csrf_token_comes_back_with_its_values(administrator: Browser, state: AppState) -> None:
    page = administrator.post(PAGE, **custom(save="1", csrf_token="stale", host="typed.example.org"))
    assert "typed.example.org" in page.text
    assert find_saved(state) is None


def test_a_provider_fills_in_host_port_and_security(administrator: Browser, state: AppState) -> None:
    fields = {"provider": "sendgrid", "mail_from": SENDER, "authentication": "password", "password": "SG.abc"}
    administrator.client.post(PAGE, data=fields | {"save": "1", "csrf_token": administrator.csrf_token()})
    server = saved(state)
    assert (server.host, server.port, server.security) == ("smtp.sendgrid.net", 587, "starttls")
    assert (server.username, password(state)) == ("apikey", "SG.abc")


def test_switching_the_provider_keeps_what_was_entered(administrator: Browser) -> None:
    first = administrator.submit(PAGE, "choose", **custom(provider="sendgrid", timeout="42"))
    for value in ("smtp.sendgrid.net", "apikey", "42"):
        assert f'value="{value}"' in first.text
    back = administrator.submit_on(first, "choose", provider="custom")
    for value in ("smtp.example.org", "2525", "mailroom"):
        assert f'value="{value}"' in back.text


def test_a_server_of_ones_own_starts_empty(administrator: Browser) -> None:
    administrator.submit(PAGE, "save", **custom(provider="sendgrid", shown_provider="sendgrid", host=""))
    page = administrator.submit(PAGE, "choose", provider="custom")
    [values] = [dict(form.values) for form in forms_of(page.text) if "host" in form.names]
    assert (values["host"], values["port"], values["security"], values["username"]) == ("", "587", "starttls", "")


@pytest.mark.parametrize("button", ["choose", "save"])
def test_another_provider_is_shown_before_anything_is_saved(
    button: str, administrator: Browser, state: AppState
) -> None:
    page = administrator.submit(PAGE, button, **custom(provider="google"))
    assert 'value="smtp.gmail.com"' in page.text
    assert find_saved(state) is None


def test_an_entered_password_is_back_with_its_provider(administrator: Browser, state: AppState) -> None:
    kept = "Your last entry was kept."
    away = administrator.submit(PAGE, "choose", **custom(provider="google"))
    assert kept not in away.text
    back = administrator.submit_on(away, "choose", provider="custom")
    assert kept in back.text
    administrator.submit_on(back, "save")
    assert password(state) == "first-password"


def test_an_entered_password_is_not_sent_to_another_server(administrator: Browser) -> None:
    page = administrator.submit(PAGE, "save", **custom(port="0"))
    page = administrator.submit_on(page, "test", port="25", host="smtp.attacker.example", password="")
    assert "because you changed Host and Port." in error_at(page, "password")


def test_an_entered_client_secret_survives_an_error_where_it_replaces_another_providers(
    administrator: Browser, state: AppState
) -> None:
    administrator.submit(PAGE, "save", **custom())
    page = administrator.submit(PAGE, "choose", provider="google")
    fields = {"authentication": "authorization_code", "client_id": "a", "username": "a@gmail.com"}
    page = administrator.submit_on(page, "save", **fields, client_secret="the secret", timeout="0")
    administrator.submit_on(page, "save", client_secret="", timeout="10")
    assert set(shown(state).sealed_secrets) == {"client_secret"}
    assert password(state) == "first-password"


def test_an_administrator_can_lower_a_limit_but_not_raise_it(administrator: Browser, state: AppState) -> None:
    office = custom(provider="office365", shown_provider="office365")
    page = administrator.submit(PAGE, "save", **office, limit_per_minute="31", limit_connections="3")
    assert error_at(page, "limit_per_minute") == "Office 365 allows only 30."
    assert "Office 365 allows 10,000." in page.text
    administrator.submit_on(page, "save", limit_per_minute="20", password="first-password")
    assert (saved(state).limit_per_minute, saved(state).limit_per_day, saved(state).limit_connections) == (20, None, 3)


def test_a_limit_is_changed_without_entering_secrets_again(administrator: Browser, state: AppState) -> None:
    administrator.submit(PAGE, "save", **custom())
    administrator.submit(PAGE, "save", limit_per_day="100", password="")
    assert (password(state), saved(state).limit_per_day) == ("first-password", 100)
    assert "Emails in 24 hours" in administrator.get("/audit").text
    administrator.submit(PAGE, "save", limit_per_day="", password="")
    assert saved(state).limit_per_day is None


def test_limits_stay_with_their_provider(administrator: Browser) -> None:
    away = administrator.submit(PAGE, "choose", **custom(provider="office365", limit_per_minute="500"))
    assert 'value="500"' not in away.text
    back = administrator.submit_on(away, "choose", provider="custom")
    assert 'value="500"' in back.text


def test_a_missing_plugin_is_named_on_the_page(administrator: Browser, inbox: Inbox, state: AppState) -> None:
    with state.database.transaction() as session:
        session.get_one(MailServer, saved(state).id).provider = "gone"
    assert "the plugin for the saved provider “gone” is missing" in administrator.get(PAGE).text


def test_a_long_url_in_a_step_breaks_at_a_slash(administrator: Browser) -> None:
    page = administrator.submit(PAGE, "choose", provider="google")
    assert "myaccount.google.com/<wbr>apppasswords" in page.text
