"""The mail server page, as an administrator uses it and others misuse it."""

import pytest

from tests.mail.page import PAGE, custom, error_at, password, saved
from tests.support.browser import Browser
from tests.support.inbox import SENDER, Inbox
from webapp.core.app_state import AppState
from webapp.mail import servers


def test_what_is_saved_holds(administrator: Browser, parts: AppState) -> None:
    answer = administrator.submit(PAGE, "save", **custom())
    assert "Saved." in answer.text
    assert (saved(parts).host, saved(parts).port, saved(parts).security) == ("smtp.example.org", 2525, "starttls")
    assert password(parts) == "first-password"


def test_no_secret_is_in_the_page_or_readable_in_the_database(administrator: Browser, parts: AppState) -> None:
    administrator.submit(PAGE, "save", **custom())
    page = administrator.get(PAGE)
    assert "first-password" not in page.text
    assert "first-password" not in str(saved(parts).sealed_secrets)
    assert "leave blank to keep" in page.text


@pytest.mark.one_database
def test_a_blank_password_keeps_the_saved_one(administrator: Browser, parts: AppState) -> None:
    administrator.submit(PAGE, "save", **custom())
    administrator.submit(PAGE, "save", password="", timeout="30")
    assert password(parts) == "first-password"
    assert saved(parts).timeout == 30


@pytest.mark.one_database
@pytest.mark.parametrize(
    "change",
    [
        {"host": "smtp.attacker.example"}, {"port": "465"}, {"security": "none"}, {"username": "other"},
        {"proxy_type": "http", "proxy_host": "proxy.attacker.example", "proxy_port": "3128"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("button", ["save", "test"])
def test_a_saved_password_goes_nowhere_else(
    change: dict[str, str], button: str, administrator: Browser, parts: AppState
) -> None:
    administrator.submit(PAGE, "save", **custom())
    answer = administrator.post(
        PAGE, **custom(password="", **{button: "1"}) | {"test_recipient": "a@b.example"} | change
    )
    assert "Type this again" in error_at(answer, "password")
    assert saved(parts).host == "smtp.example.org"


@pytest.mark.one_database
def test_another_providers_secret_is_asked_for_as_one_that_was_never_given(administrator: Browser) -> None:
    administrator.submit(PAGE, "save", **custom())
    answer = administrator.post(PAGE, **custom(password="", save="1", provider="sendgrid", shown="sendgrid"))
    assert "Enter this" in error_at(answer, "password")


@pytest.mark.one_database
def test_switching_to_no_sign_in_forgets_the_password(administrator: Browser, parts: AppState) -> None:
    administrator.submit(PAGE, "save", **custom())
    administrator.submit(PAGE, "save", authentication="none")
    assert saved(parts).sealed_secrets == {}


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("mail_from", "", "Enter a value"),
        ("mail_from", "no address", "Enter an address such as"),
        ("mail_from", "a@example.org, b@example.org", "one address, not a list"),
        ("mail_from", "a@example.org\r\nBcc: b@example.org", "Line breaks"),
        ("mail_from", "A\r\nBcc: b@example.org <a@example.org>", "Line breaks"),
        ("mail_from", "A <=?utf-8?q?=0d=0aBcc=3ab=40example=2eorg=0d=0aX=3a?=@example.org>", "Enter an address"),
        ("host", "", "Enter a value"),
        ("host", "https://smtp.example.org", "host name alone"),
        ("host", "smtp..example.org", "no host name"),
        ("host", "a@example.org", "e-mail address"),
        ("host", "smtp.example.org:25", "port has its own field"),
        ("host", "256.1.1", "IP address"),
        ("host", "x" * 100_000, "Too long"),
        ("port", "0", "1 to 65535"),
        ("port", "65536", "1 to 65535"),
        ("port", "", "Enter a value"),
        ("port", "smtp", "whole number"),
        ("port", "٥٨٧", "whole number"),
        ("timeout", "0", "1 to 120"),
        ("timeout", "-1", "whole number"),
        ("provider", "nobody", "Choose one"),
        ("security", "ssl3", "Choose one"),
        ("tls_minimum", "1.0", "Choose one"),
        ("authentication", "magic", "Choose one"),
        ("proxy_type", "gopher", "Choose one"),
        ("username", "a\0b", "control characters"),
        ("password", "two\r\nlines", "Line breaks"),
    ],
)
def test_a_bad_value_is_told_beside_its_field_and_nothing_is_lost(
    field: str, value: str, words: str, administrator: Browser
) -> None:
    answer = administrator.submit(PAGE, "save", **custom(username="somebody@example.org") | {field: value})
    assert answer.status_code == 200
    assert words in error_at(answer, field), error_at(answer, field)
    if field != "username":
        assert "somebody@example.org" in answer.text
    assert "first-password" not in answer.text


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Müller – Post <m@example.org>", "Müller – Post <m@example.org>"),
        ("Example, Inc. <m@example.org>", '"Example, Inc." <m@example.org>'),
        ('"Example" <m@example.org>', "Example <m@example.org>"),
        ("<m@example.org>", "m@example.org"),
        ("Ü <ü@bücher.example>", "Ü <ü@bücher.example>"),
    ],
)
def test_a_sender_may_have_any_name(typed: str, kept: str, administrator: Browser, parts: AppState) -> None:
    assert "Saved." in administrator.submit(PAGE, "save", **custom(mail_from=typed)).text
    assert saved(parts).mail_from == kept


@pytest.mark.one_database
def test_a_long_password_survives_an_error_elsewhere(administrator: Browser, parts: AppState) -> None:
    wrong = administrator.submit(PAGE, "save", **custom(password="x" * 1900, timeout="0"))
    assert "Saved." in administrator.submit_on(wrong, "save", timeout="10", password="").text
    assert password(parts) == "x" * 1900


@pytest.mark.one_database
@pytest.mark.parametrize("kept", ["[" * 7000, "{", '{"google": 1, "custom": {"port": []}}'])
def test_values_put_aside_that_are_none_are_forgotten(kept: str, administrator: Browser) -> None:
    answer = administrator.post(PAGE, **custom(choose="1", provider="google", shown="custom", kept=kept))
    assert 'value="smtp.gmail.com"' in answer.text


@pytest.mark.one_database
def test_a_proxy_needs_its_host_and_port(administrator: Browser) -> None:
    answer = administrator.submit(PAGE, "save", **custom(proxy_type="http"))
    assert error_at(answer, "proxy_host")
    assert error_at(answer, "proxy_port")


@pytest.mark.one_database
def test_a_field_sent_twice_is_refused(administrator: Browser) -> None:
    answer = administrator.submit(PAGE, "save", **custom(host=["smtp.example.org", "smtp.attacker.example"]))
    assert "sent twice" in error_at(answer, "host")


@pytest.mark.one_database
def test_a_field_that_is_not_sent_keeps_its_value(administrator: Browser, parts: AppState) -> None:
    administrator.submit(PAGE, "save", **custom(timeout="77"))
    administrator.post(PAGE, **custom(save="1", password=""))
    assert saved(parts).timeout == 77


@pytest.mark.one_database
def test_a_stale_page_gives_the_form_back(administrator: Browser) -> None:
    answer = administrator.post(PAGE, **custom(save="1", csrf_token="stale", host="typed.example.org"))
    assert "open for too long" in answer.text
    assert "typed.example.org" in answer.text


@pytest.mark.one_database
def test_a_template_fills_host_port_and_security(administrator: Browser, parts: AppState) -> None:
    administrator.post(
        PAGE, provider="sendgrid", mail_from=SENDER, authentication="password", password="SG.abc\n", save="1"
    )
    server = saved(parts)
    assert (server.host, server.port, server.security) == ("smtp.sendgrid.net", 587, "starttls")
    assert server.username == "apikey"
    assert password(parts) == "SG.abc"


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("provider", "typed", "kept"),
    [
        ("google", " abcd efgh\xa0ijkl mnop ", "abcdefghijklmnop"),
        ("sendgrid", "SG.abc\r\ndef\n", "SG.abcdef"),
        ("custom", "two words\n", "two words"),
    ],
)
def test_what_came_along_when_a_password_was_copied_is_forgiven(
    provider: str, typed: str, kept: str, administrator: Browser, parts: AppState
) -> None:
    given = custom(provider=provider, username="a@gmail.com", password=typed, save="1")
    assert "Saved." in administrator.post(PAGE, **given).text
    assert password(parts) == kept


@pytest.mark.one_database
def test_switching_the_provider_keeps_what_was_typed(administrator: Browser) -> None:
    first = administrator.submit(PAGE, "choose", **custom(provider="sendgrid", timeout="42"))
    assert 'value="smtp.sendgrid.net"' in first.text
    assert 'value="apikey"' in first.text
    assert 'value="42"' in first.text
    back = administrator.submit_on(first, "choose", provider="custom")
    assert 'value="smtp.example.org"' in back.text
    assert 'value="2525"' in back.text
    assert 'value="mailroom"' in back.text


@pytest.mark.one_database
def test_choosing_saves_nothing(administrator: Browser, parts: AppState) -> None:
    administrator.submit(PAGE, "choose", **custom(provider="google"))
    with parts.database.read() as session:
        assert servers.primary(session) is None


@pytest.mark.one_database
def test_saving_another_provider_than_shown_shows_it_first(administrator: Browser, parts: AppState) -> None:
    answer = administrator.submit(PAGE, "save", **custom(provider="google"))
    assert 'value="smtp.gmail.com"' in answer.text
    with parts.database.read() as session:
        assert servers.primary(session) is None


@pytest.mark.one_database
def test_a_missing_plugin_is_named_on_the_page(administrator: Browser, inbox: Inbox, parts: AppState) -> None:
    with parts.database.transaction() as session:
        server = servers.primary(session)
        assert server is not None
        server.provider = "gone"
    assert "“gone” is not there" in administrator.get(PAGE).text


@pytest.mark.one_database
def test_a_long_address_in_a_step_breaks_at_a_slash(administrator: Browser) -> None:
    page = administrator.submit(PAGE, "choose", provider="google")
    assert "myaccount.google.com/<wbr>apppasswords" in page.text
