"""The mail server form: what each field accepts, and what its error says."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from flask import Flask
from werkzeug.datastructures import MultiDict

from tests.mail.page import custom
from tests.support.faulty_certificates import Company, fault, key_to_pem
from webapp.core import certificates
from webapp.mail.server_page.forms import MailServerForm, mail_server_form
from webapp.providers.registry import get_providers
from webapp.web.forms import fields_with_errors

pytestmark = pytest.mark.one_database
Fill = Callable[..., MailServerForm]
URL = "https://provider.example/"
OAUTH2 = {
    "client_id": "mailroom", "client_secret": "secret", "token_url": URL, "authorize_url": URL, "scopes": "mail.send",
}  # fmt: skip


@pytest.fixture
def app(shared_app: Flask) -> Flask:
    """Nothing here changes it."""
    return shared_app


@pytest.fixture
def fill(app: Flask) -> Fill:
    """Fill in the form with these fields, and check it."""

    def fill(**fields: Any) -> MailServerForm:
        data = MultiDict(custom(**{"timeout": "10", "proxy_type": "none", **fields}))
        with app.test_request_context(method="POST", data=data):
            provider = get_providers().get(fields.get("provider", "custom")) or get_providers()["custom"]
            form = mail_server_form(provider, {}, data)
            form.validate()
            return form

    return fill


def test_without_private_hosts_only_mail_ports_are_accepted(fill: Fill, internet_only: None) -> None:
    assert error(fill(port="22"), "port").startswith("This installation connects to mail servers only on ports 25, 465")
    assert error(fill(port="2587"), "port") == ""


def error(form: MailServerForm, name: str) -> str:
    """Return the error at a field."""
    return str(form[name].errors[0]) if form[name].errors else ""


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("mail_from", "", "Enter a value"),
        ("mail_from", "no address", "Enter an address such as"),
        ("mail_from", "a@example.org, b@example.org", "one address, not a list"),
        ("mail_from", "a@example.org\r\nBcc: b@example.org", "invisible character"),
        ("mail_from", "A\r\nBcc: b@example.org <a@example.org>", "invisible character"),
        ("mail_from", "A <=?utf-8?q?=0d=0aBcc=3ab=40example=2eorg=0d=0aX=3a?=@example.org>", "Enter an address"),
        ("host", "", "Enter a value"),
        ("host", "https://smtp.example.org", "only the host name"),
        ("host", "smtp..example.org", "not a valid host name"),
        ("host", "a@example.org", "email address"),
        ("host", "smtp.example.org:25", "port has its own field"),
        ("host", "256.1.1", "IP address"),
        ("host", "x" * 100_000, "Too long"),
        ("host", "smtp.exa\u200bmple.org", "(U+200B ZERO WIDTH SPACE)"),
        ("host", "smtp.exa\u00a0mple.org", "U+00A0 NO-BREAK SPACE"),
        ("port", "0", "1 to 65535"),
        ("port", "65536", "1 to 65535"),
        ("port", "", "Enter a value"),
        ("port", "smtp", "whole number"),
        ("port", "5_87", "whole number"),
        ("port", "²", "whole number"),
        ("timeout", "0", "1 to 120"),
        ("timeout", "-1", "whole number"),
        ("limit_per_minute", "0", "1 or more"),
        ("limit_per_day", "many", "whole number"),
        ("provider", "nobody", "Choose one"),
        ("security", "ssl3", "Choose one"),
        ("tls_minimum", "1.0", "Choose one"),
        ("authentication", "magic", "Choose one"),
        ("proxy_type", "gopher", "Choose one"),
        ("username", "a\0b", "invisible character"),
        ("password", "two\r\nlines", "invisible character"),
        ("password", "secret\u200b", "(U+200B ZERO WIDTH SPACE)"),
        ("password", "secret\t", "(U+0009 tab)"),
        ("password", "\u00a0secret", "(U+00A0 NO-BREAK SPACE)"),
        ("proxy_password", "secret\u00a0", "(U+00A0 NO-BREAK SPACE)"),
        ("secret_expires_on", "tomorrow", "Enter a date"),
        ("secret_expires_on", "2026-02-30", "Enter a date"),
        ("secret_expires_on", "9" * 400, "Enter a date"),
    ],
)
def test_a_bad_value_is_reported_at_its_field(field: str, value: str, text: str, fill: Fill) -> None:
    assert text in error(fill(**{field: value}), field)


@pytest.mark.parametrize("port", ["587", "٥٨٧", "５８７"])
def test_a_number_may_be_in_the_digits_of_any_script(port: str, fill: Fill) -> None:
    form = fill(port=port)
    assert (form.port.data, fields_with_errors(form)) == (587, [])


@pytest.mark.parametrize("password", ["corr ect ", " a\\\\b/c\\n", '>9Ab~:Wk$n:p"S?E', "6Xcf§5zR!B", "BAb/9+xQ=="])
def test_a_password_keeps_its_characters(password: str, fill: Fill) -> None:
    form = fill(password=password)
    assert (form.password.data, fields_with_errors(form)) == (password, [])


def test_a_full_width_at_sign_is_taken_for_the_usual_one(fill: Fill) -> None:
    form = fill(mail_from="Ada <ada＠example.org>", username="ada＠example.org")
    assert (form.mail_from.data, form.username.data) == ("Ada <ada@example.org>", "ada@example.org")


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("client_id", "", "Enter a value"), ("client_id", "x" * 300, "valid client ID"),
        ("token_url", "", "Enter a value"), ("token_url", "http://token.example/", "starts with https://"),
        ("authorize_url", "javascript:alert(1)", "starts with https://"),
        ("authorize_url", "https://user:pass@example.org/", "starts with https://"),
        ("scopes", 'a "b"', "separated by spaces"),
    ],
)  # fmt: skip
def test_a_bad_value_for_oauth2_is_reported_where_oauth2_is_used(field: str, value: str, text: str, fill: Fill) -> None:
    fields = {**OAUTH2, field: value}
    assert text in error(fill(authentication="authorization_code", **fields), field)
    assert error(fill(authentication="password", **fields), field) == ""


MICROSOFT = "https://login.microsoftonline.com/{}/oauth2/v2.0/token"
DEFAULT = "https://outlook.office365.com/.default"


@pytest.mark.parametrize(
    ("method", "provider", "field", "value", "text"),
    [
        ("client_credentials", "office365", "tenant_id", "common", "Enter its ID or domain instead of common."),
        ("client_credentials", "office365", "tenant_id", "Organizations", "instead of Organizations."),
        ("client_credentials", "office365", "tenant_id", "consumers", "instead of consumers."),
        ("client_credentials", "office365", "tenant_id", "example.com", ""),
        ("authorization_code", "office365", "tenant_id", "organizations", ""),
        ("client_credentials", "custom", "token_url", MICROSOFT.format("common"), "instead of common."),
        ("client_credentials", "custom", "token_url", "https://login.windows.net/common/oauth2/token", "of common."),
        ("client_credentials", "custom", "token_url", MICROSOFT.format("example.com"), ""),
        ("client_credentials", "custom", "token_url", "https://provider.example/common/token", ""),
        ("client_credentials", "custom", "token_url", "https://login.microsoftonline.com", ""),
        ("authorization_code", "custom", "token_url", MICROSOFT.format("common"), ""),
        ("client_credentials", "custom", "scopes", f"{DEFAULT} offline_access", "Remove offline_access."),
        ("client_credentials", "custom", "scopes", f"a.send {DEFAULT} b.send", "Remove a.send and b.send."),
        ("client_credentials", "custom", "scopes", DEFAULT, ""),
        ("authorization_code", "custom", "scopes", f"{DEFAULT} offline_access openid", ""),
        ("authorization_code", "custom", "scopes", f"{DEFAULT} mail.send", "Remove mail.send."),
    ],
)
def test_what_microsoft_would_refuse_is_reported_before_any_request(
    method: str, provider: str, field: str, value: str, text: str, fill: Fill
) -> None:
    found = error(fill(authentication=method, provider=provider, **OAUTH2 | {field: value}), field)
    assert text in found
    assert bool(text) == bool(found)


@pytest.mark.parametrize(
    ("key", "text"),
    [('{"type": "service_account"}', "client_email"), ("no json", "JSON"), ("[" * 9_000, "JSON"),
     ("x" * 20_000, "Too long")],
)  # fmt: skip
def test_a_text_that_is_no_key_file_is_reported(key: str, text: str, fill: Fill) -> None:
    form = fill(authentication="service_account", **OAUTH2, service_account_key=key)
    assert text in error(form, "service_account_key")


@pytest.mark.parametrize(
    ("entered", "cleaned"),
    [
        ("Müller – Post <m@example.org>", "Müller – Post <m@example.org>"),
        ("Example, Inc. <m@example.org>", '"Example, Inc." <m@example.org>'),
        ('"Example" <m@example.org>', "Example <m@example.org>"),
        ("<m@example.org>", "m@example.org"),
        ("Ü <ü@bücher.example>", "Ü <ü@bücher.example>"),
    ],
)
def test_a_sender_may_have_any_name(entered: str, cleaned: str, fill: Fill) -> None:
    form = fill(mail_from=entered)
    assert (error(form, "mail_from"), form.mail_from.data) == ("", cleaned)


@pytest.mark.parametrize(
    ("provider", "entered", "cleaned"),
    [
        ("google", " abcd efgh\xa0ijkl\u200bmnop\t", "abcdefghijklmnop"),
        ("sendgrid", "SG.abc\r\ndef\n", "SG.abcdef"),
        ("custom", "two words\n", "two words"),
    ],
)
def test_slips_in_a_copied_password_are_forgiven(provider: str, entered: str, cleaned: str, fill: Fill) -> None:
    form = fill(provider=provider, username="a@gmail.com", password=entered)
    assert (error(form, "password"), form.to_server().secrets["password"]) == ("", cleaned)


def test_blank_host_port_and_user_name_are_the_providers_own(fill: Fill) -> None:
    values = fill(provider="sendgrid", host="", port="", username="").to_server().values
    assert (values["host"], values["port"], values["username"]) == ("smtp.sendgrid.net", 587, "apikey")


def test_a_proxy_needs_its_host_and_port(fill: Fill) -> None:
    form = fill(proxy_type="http")
    assert error(form, "proxy_host")
    assert error(form, "proxy_port")


def test_without_a_proxy_its_hidden_fields_are_not_checked(fill: Fill) -> None:
    form = fill(proxy_type="none", proxy_host="no host name", proxy_port="99999", proxy_username="müller")
    assert not form.errors.keys() & {"proxy_host", "proxy_port", "proxy_username"}


def test_a_socks_proxy_takes_ascii_alone(fill: Fill) -> None:
    form = fill(proxy_type="socks5", proxy_host="proxy.example.org", proxy_port="1080", proxy_username="müller")
    assert "ASCII" in error(form, "proxy_username")


def test_a_field_sent_twice_is_refused(app: Flask) -> None:
    data = MultiDict([*custom().items(), ("host", "smtp.attacker.example")])
    with app.test_request_context(method="POST", data=data):
        form = mail_server_form(get_providers()["custom"], {}, data)
        form.validate()
    assert "sent twice" in error(form, "host")


@pytest.mark.parametrize(
    ("field", "text", "error_text"),
    [
        ("trusted_certificates", "not PEM", "Paste certificates in PEM format"),
        ("trusted_certificates", "{own}", "This isn't the certificate of an authority"),
        ("pinned_certificate", "{own}{ca}", "Too many certificates: at most 1."),
        ("client_certificate", "{own}", "Paste the private key, too"),
        ("client_certificate", "{key}", "Paste the certificate, too"),
        ("client_certificate", "{ca}{key}", "The key doesn't belong to the certificate"),
        ("client_certificate", "{own}{locked}", "This key is protected by a passphrase"),
        ("client_certificate", "{own}{key}", "This certificate has expired."),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said(
    field: str, text: str, error_text: str, fill: Fill, tmp_path: Path
) -> None:
    company = Company(tmp_path, fault(until=timedelta(hours=-1)))
    locked = serialization.BestAvailableEncryption(b"passphrase")
    parts = {
        "own": certificates.to_pem([company.own]),
        "ca": company.ca_file.read_text(),
        "key": key_to_pem(company.key).decode(),
        "locked": key_to_pem(company.key, locked).decode(),
    }
    assert error(fill(**{field: text.format(**parts)}), field).startswith(error_text)
