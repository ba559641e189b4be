"""What a plugin declares is checked when Mailroom starts, and what is wrong is named with what is allowed."""

from pathlib import Path

import pytest

from tests.providers.conftest import Load, good
from webapp.mail.server_page.forms import SECRETS
from webapp.mail.servers import COLUMNS
from webapp.providers import OAuth2
from webapp.providers.registry import InvalidPlugin
from webapp.providers.rules import FORM_FIELDS, FORM_SECRETS

IMPORTS = """
from datetime import date
from wtforms import PasswordField, StringField
from webapp.providers import Authentication, Diagnosis, DiagnosisRule, Dns, ExpectedClaims, Limits, Password
"""
HANDLER = """
class Handler(Authentication):
    key, label = "handler", "Handler"

    def authenticate(self, dialogue, account):
        pass
"""


def refused(load: Load, text: str) -> str:
    """Return why a plugin file is refused."""
    with pytest.raises(InvalidPlugin) as error:
        load(acme=IMPORTS + text)
    return str(error.value)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("connection=Connection('a.example', '587')", "connection.port is '587'. Allowed: a whole number from 1"),
        ("connection=Connection('a.example', 70000)", "connection.port is 70000. Allowed: a whole number from 1 to"),
        ("connection=Connection('a.example', True)", "connection.port is True"),
        ("connection=Connection(security='ssl')", "connection.security is 'ssl'. Allowed: 'starttls' or 'tls'"),
        ("connection=Connection('smtp.{zone}.example')", "a field in connection.host is 'zone'. Allowed: none"),
        ("connection=Connection('https://acme.example')", "connection.host is 'https://acme.example'. Allowed: a host"),
        ("connection=Connection('acme.example:587')", "connection.host is 'acme.example:587'"),
        ("connection=Connection('zone}.example')", "connection.host is 'zone}.example'"),
        ("connection=('smtp.acme.example', 587)", "connection is ("),
        ("checked='2026-11-22'", "checked is '2026-11-22'. Allowed: a date or None"),
        ("diagnosis_rules=[DiagnosisRule(535, Diagnosis('x'))]", "diagnosis_rules[0].reply is 535. Allowed: a text"),
        ("diagnosis_rules=['535']", "diagnosis_rules[0] is '535'. Allowed: a DiagnosisRule"),
        ("diagnosis_rules=[DiagnosisRule('535', 'No')]", "diagnosis_rules[0].diagnosis is 'No'. Allowed: a Diagnosis"),
        ("diagnosis_rules=[DiagnosisRule('5', Diagnosis('x', fix={'hots': 'a'}))]", "a key of fix is 'hots'"),
        ("diagnosis_rules=[DiagnosisRule('5', Diagnosis('x', confidence='sure'))]", "confidence is 'sure'. Allo"),
        ("diagnosis_rules=[DiagnosisRule('5', Diagnosis('x', evidence='y'))]", "evidence is 'y'. Allowed: a list"),
        ("diagnosis_rules=[DiagnosisRule('5', Diagnosis('x'), cause='spam')]", "cause is 'spam'. Allowed: a Cause"),
        ("diagnosis_rules=[DiagnosisRule('5', Diagnosis('x', fix={'password': 'a'}))]", "a key of fix is 'password'"),
        ("diagnosis_rules=[DiagnosisRule('5', Diagnosis('x', fix={'security': 'ssl'}))]", "fix['security'] is 'ssl'"),
        ("diagnosis_rules=[DiagnosisRule('5', Diagnosis('x', fix={'port': '0'}))]", "fix['port'] is 0"),
        ("diagnosis_rules=[DiagnosisRule('5', Diagnosis('x', fix={'port': 25}))]", "fix['port'] is 25. Allowed:"),
        ("diagnosis_rules=[DiagnosisRule('5', Diagnosis('x', fix={'timeout': '0'}))]", "fix['timeout'] is 0"),
        ("diagnosis_rules=[DiagnosisRule('5', Diagnosis('x', fix={'proxy_port': 'a'}))]", "fix['proxy_port'] is 'a'"),
        ("diagnosis_rules=[DiagnosisRule('5', Diagnosis('x', fix={'tls_minimum': '1.1'}))]", "fix['tls_minimum'] is "),
        ("diagnosis_rules=[DiagnosisRule('5', Diagnosis('x', fix={'proxy_type': 'ftp'}))]", "fix['proxy_type'] is 'f"),
        ("diagnosis_rules=[DiagnosisRule('5', Diagnosis('x', fix={'authentication': 'oauth'}))]", "Allowed: password"),
        ("steps='Open the page.'", "steps is 'Open the page.'. Allowed: a list, each item a text"),
        ("steps=5", "steps is 5. Allowed: a list"),
        ("steps=['One', 2]", "steps[1] is 2. Allowed: a text"),
        ("limits=Limits(per_minute=0)", "limits.per_minute is 0. Allowed: a whole number of 1 or more."),
        ("limits=Limits(per_day='500')", "limits.per_day is '500'. Allowed: a whole number of 1 or more or None."),
        ("limits=Limits(connections=True)", "limits.connections is True"),
        ("limits=30", "limits is 30. Allowed: a Limits"),
        ("dns=Dns(spf_include='v=spf1')", "dns.spf_include is 'v=spf1'. Allowed: a domain name in lower case"),
        ("dns=Dns(mx='acme.example')", "dns.mx is 'acme.example'. Allowed: a list"),
        ("sends_as='me'", "sends_as is 'me'. Allowed: 'any' or 'account' or 'verified'."),
        ("diagnosis_rules=[DiagnosisRule('5', Diagnosis('x', fix={'limit_per_day': '0'}))]", "fix['limit_per_day']"),
        ("notes={'reigon': 'Where.'}", "a key of notes is 'reigon'. Allowed: mail_from, host"),
        ("notes=['mail_from']", "notes is ['mail_from']. Allowed: a dict"),
        ("source=''", "source is ''. Allowed: the https:// URL"),
        ("source='http://acme.example'", "source is 'http://acme.example'. Allowed: the https:// URL"),
        ("source='Acme Handbook', checked=date(2026, 11, 22)", "source is 'Acme Handbook'. Allowed: with checked"),
        ("help_url='javascript:alert(1)'", "help_url is 'javascript:alert(1)'. Allowed: a URL that starts with https://"),
        ("help_url=None", "help_url is None"),
        ("fields=[]", "fields is []. Allowed: a dict"),
        ("fields={'host': StringField()}", "a key of fields is 'host'"),
        ("fields={'validate': StringField()}", "a key of fields is 'validate'"),
        ("fields={'chosen': StringField()}", "a key of fields is 'chosen'"),
        ("fields={'region': 7}", "fields['region'] is 7. Allowed: a WTForms field"),
        ("authentication=[]", "authentication is []. Allowed: at least one method"),
        ("authentication=Password()", "authentication is Password("),
        ("authentication=[Password]", "authentication[0] is <class"),
        ("authentication=[Password(), Password()]", "Allowed: methods with different keys"),
        ("authentication=[Password(one_word='yes')]", "authentication[0].one_word is 'yes'"),
        ("authentication=[OAuth2(grant_types=['authorisation'])]", "[0] is 'authorisation'. Allowed: 'auth"),
        ("authentication=[OAuth2(grant_types=[])]", "grant_types is []. Allowed: at least one"),
        ("authentication=[OAuth2(token_url='http://acme.example')]", "token_url is 'http://acme.example'."),
        ("authentication=[OAuth2(token_url='https://acme.example')]", "Allowed: only grant types whose URL"),
        ("authentication=[OAuth2(token_url='https://acme.example/{zone}')]", "{zone}'. Allowed: a URL that starts"),
        ("authentication=[OAuth2(authorize_parameters={'state': 'a'})]", "a key of authentication[0].authorize_par"),
        ("authentication=[OAuth2(scopes='mail.send')]", "scopes is 'mail.send'. Allowed: a list"),
        ("authentication=[OAuth2(expected_claims=ExpectedClaims('aud'))]", "expected_claims.audiences is 'aud'"),
        ("label='Mail' * 20", "Allowed: a text of at most 60 characters"),
        ("label=''", "label is ''"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_refused_by_file_provider_and_name(
    more: str, message: str, load: Load, tmp_path: Path
) -> None:
    text = good("acme", more)
    if more.startswith("label="):
        text = text.replace('label="Mail of acme", ', "")
    problem = refused(load, text)
    assert problem.startswith(f"{tmp_path / 'acme.py'}: provider 'acme': ")
    assert message in problem


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('key, label = "handler",', "label =", "authentication[0] (Handler).key is TypeError"),
        ('key, label = "handler",', 'key, label = "Handler!",', "authentication[0] (Handler).key is 'Handler!'"),
        ('"handler"', '"none"', "(Handler).key is 'none'. Allowed: a key that no method of Mailroom's has"),
        ('"handler"', '"device_code"', "(Handler).key is 'device_code'. Allowed: a key that"),
        ("def authenticate", "def sign_in", "(Handler).authenticate is"),
        (
            "def authenticate",
            "async def authenticate",
            "Allowed: a function of 2 arguments besides self, without async",
        ),
        ("pass", "yield", "(Handler).authenticate is"),
        ("dialogue, account", "dialogue", "(Handler).authenticate is TypeError('too many positional arguments')"),
        ("    def auth", "    fields = 'username'\n    def auth", "(Handler).fields is 'username'. Allowed: a list"),
        (
            "    def auth",
            "    fields = ['user']\n    def auth",
            "an item of authentication[0] (Handler).fields is 'user'",
        ),
    ],
)
def test_an_authentication_method_that_could_not_work_is_refused(
    before: str, after: str, message: str, load: Load
) -> None:
    handler = HANDLER.replace(before, after)
    assert handler != HANDLER
    assert message in refused(load, handler + good("acme", "authentication=[Handler()]"))


def test_a_handler_with_everything_it_needs_is_accepted(load: Load) -> None:
    own = "authentication=[Handler()], fields={'zone': StringField()}, connection=Connection('{zone}.example')"
    assert load(acme=IMPORTS + HANDLER + good("acme", own))["acme"].authentication_named("handler") is not None


@pytest.mark.parametrize(
    "method",
    [
        OAuth2(token_url="https://acme.example/{tenant}/token", authorize_url="https://acme.example/sign-in"),
        OAuth2(token_url="https://acme.example/token", authorize_url="https://{tenant}.acme.example/"),
        OAuth2(token_url="https://acme.example/token", device_authorization_url="https://acme.example/{tenant}"),
    ],
)
def test_a_tenant_in_any_url_is_asked_for(method: OAuth2) -> None:
    assert "tenant_id" in method.fields


@pytest.mark.parametrize("host", ["", "192.0.2.1", "2001:db8::1", "smtp.größe.example", "smtp_out.example"])
def test_a_host_by_name_or_address_is_accepted(host: str, load: Load) -> None:
    assert "acme" in load(acme=good("acme", f"connection=Connection({host!r})"))


def test_a_secret_can_not_be_part_of_the_host(load: Load) -> None:
    own = "fields={'zone': PasswordField()}, connection=Connection('{zone}.example')"
    assert "a field in connection.host is 'zone'" in refused(load, good("acme", own))


def test_the_contract_names_the_fields_of_the_form() -> None:
    # Whether Mailroom goes back to earlier settings is nothing that a plugin could advise.
    assert set(FORM_FIELDS) == {*COLUMNS, *SECRETS} - {"provider", "goes_back"}
    assert set(SECRETS) == FORM_SECRETS
