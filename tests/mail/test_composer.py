"""An email that is filled into a layout is the one that rendering its template gives, byte for byte."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import DictLoader, TemplateNotFound

from tests.mail.test_compose import MOMENT, PATH
from webapp import create_app
from webapp.core import i18n
from webapp.core.config import Config
from webapp.core.i18n import LANGUAGES
from webapp.mail.compose import compose
from webapp.mail.composer import Composer
from webapp.mail.mime import WireEmail
from webapp.outbox.kinds import get_kind, previewed_kinds
from webapp.settings.service import General

pytestmark = pytest.mark.one_database

SETTINGS = [
    (General("https://mailroom.example", "Mailroom", "help@mailroom.example"), "Mailroom <post@sender.example>", {}),
    (
        General("https://поштамт.example/x", 'Поштамт "&" <b>', ""),
        "post@bücher.example",
        {"X-Tracking": '{"off": "é"}'},
    ),
    (General("", "", "допомога@поштамт.example"), "пошта@sender.example", {}),
]
NAMES = [
    "Eve", "Єва", "José", "O'Neil", "Ada & Co <b>x</b> \"quoted\"", "100 % %s %(name)s", "{{ name }} {% if %} {#",
    "حواء", "חוה (x)", "🎉 Eve 👩\u200d👧", "e\u0301 combining", "\u0301", "x" * 300, "字" * 300, "\ue0000\ue001",
    "=?utf-8?q?=0d=0aBcc=3a?=", "a\r\nBcc: x\x00 ", " ", "", "&amp;", "&#39;", "https://evil.example/", "evil\u202etxt",
    "x\u200f", "-- \n.", "=_0",
]  # fmt: skip
RECIPIENTS = [
    "eve@people.example", "eve@straße.example", "єва@people.example", '"eve smith"@people.example',
    "o'neil&co@x.example", "x" * 64 + "@" + "people." * 20 + "example", "Eve.+={}%@people.example",
]  # fmt: skip
# These have values that no layout takes.
RENDERED_EACH_TIME = ("new_session", "expiry_alert", "mail_server_went_back")
PARTS = ("subject.txt", "body.txt", "body.html")


class TwoWays:
    """Composes each email in both ways, and requires that they are the same."""

    def __init__(self, general: General, mail_from: str, headers: Mapping[str, str]) -> None:
        self._general, self._mail_from, self._headers = general, mail_from, headers
        self._composer = Composer(general, mail_from, headers)

    def __call__(self, template: str, recipient: str = RECIPIENTS[0], language: str = "en", **data: Any) -> WireEmail:
        arguments = (data, PATH, "1 2026-11-30T10:00:00+00:00")
        filled_in = self._composer.compose(template, recipient, *arguments, language)
        with i18n.use_language(language):
            rendered = compose(template, recipient, self._mail_from, self._general, *arguments)
        assert filled_in == rendered.to_wire(self._headers)
        return filled_in


@pytest.fixture
def app(shared_app: Flask) -> Flask:
    """Nothing here changes it."""
    return shared_app


@pytest.fixture
def context(app: Flask) -> Iterator[Flask]:
    """The context of the application, at a moment that stays."""
    with app.app_context(), time_machine.travel(MOMENT, tick=False):
        yield app


@pytest.fixture(scope="module")
def any_language(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoWays]:
    """Compose in both ways, for many examples."""
    app = create_app(Config.complete(instance=tmp_path_factory.mktemp("instance"), secret_key="a secret key" * 4))
    with app.app_context(), time_machine.travel(MOMENT, tick=False):
        yield TwoWays(*SETTINGS[0])


@pytest.mark.parametrize(
    ("language", "saved"),
    [*((language, SETTINGS[0]) for language in LANGUAGES), ("en", SETTINGS[1]), ("ar", SETTINGS[2])],
)
@pytest.mark.usefixtures("context")
def test_every_kind_is_the_same_in_both_ways(language: str, saved: tuple[General, str, dict[str, str]]) -> None:
    two_ways = TwoWays(*saved)
    for kind in previewed_kinds():
        data = dict(kind.sample(MOMENT).data)
        for name in NAMES if saved is SETTINGS[0] else NAMES[::4]:
            two_ways(kind.name, language=language, **(data | {"name": name}))
        # The other branches of the templates.
        fewer = {key: type(value)() if isinstance(value, (str, bool, int)) else value for key, value in data.items()}
        for recipient in RECIPIENTS:
            two_ways(kind.name, recipient, language, **fewer)


@settings(deadline=None)
@given(name=st.text(), new_email=st.text())
def test_any_name_and_address_are_the_same_in_both_ways(any_language: TwoWays, name: str, new_email: str) -> None:
    data = get_kind("address_changed").sample(MOMENT).data
    any_language("address_changed", language="ar", **{**data, "name": name, "new_email": new_email})


ODD_USES = [
    "{{ name|upper }}",
    "{{ name|length }}",
    "{{ (name ~ '!')|upper }}",
    "{{ name.upper() }}",
    "{{ name[0] }}",
    "{{ name * 2 }}",
    "{% if name == 'Eve' %}It is her.{% endif %}",
    "{% if 'v' in name %}There is a v.{% endif %}",
    "{{ name is lower }}",
    "{{ name|safe }}",
    "{{ name|e }}",
    "{% autoescape false %}{{ name }}{% endautoescape %}",
    "<p title='{{ name }}'>x</p>",
    "<p title={{ name }}>x</p>",
    "<style>.{{ name }} { color: red }</style>",
    "&{{ name }}",
    "&#{{ code }};",
    "<{{ name }}>",
    "{{ valid_until }}",
    "{{ valid_until.year }}",
    "{{ valid_until|moment('long', seconds=True) }}",
    "{{ valid_until|moment|upper }}",
    "{{ name or code }}",
    "{{ '%s' % name }}",
    "{% set greeting = _('Hello %(name)s,', name=name) %}{{ greeting[:8] }}",
    "{{ _('Hello %(name)s,', name=name)|wordwrap(9) }}",
    "{{ _('Hello %(name)s,', name=name).upper() }}",
    "\ue0000\ue001 {{ name }}",
]


@pytest.mark.parametrize("use", ODD_USES)
def test_whatever_a_template_does_with_its_values_is_the_same_in_both_ways(
    context: Flask, monkeypatch: pytest.MonkeyPatch, use: str
) -> None:
    use_templates(context, monkeypatch, {f"email/odd/{part}": use for part in PARTS} | {"email/odd/subject.txt": "Odd"})
    two_ways = TwoWays(*SETTINGS[0])
    for number, name in enumerate(["Ada", "Eve", "lt;", "amp", "O'Neil & <b> \"", "a" * 80, "1"]):
        two_ways("odd", name=name, code="65", valid_until=MOMENT + timedelta(seconds=number))


def test_a_name_in_a_subject_is_the_same_in_both_ways(context: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    use_templates(context, monkeypatch, {f"email/odd/{part}": "Hello {{ name }}" for part in PARTS})
    two_ways = TwoWays(*SETTINGS[0])
    for name in NAMES:
        two_ways("odd", name=name)


@pytest.mark.parametrize("name", ["Eve", "Єва", "حواء", "O'Neil & <b>", ""])
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_ordinary_email_is_filled_in_without_its_template(
    context: Flask, monkeypatch: pytest.MonkeyPatch, name: str, language: str
) -> None:
    composer = Composer(*SETTINGS[0])
    samples = {kind.name: kind.sample(MOMENT).data for kind in previewed_kinds() if kind.name not in RENDERED_EACH_TIME}
    for template, data in samples.items():
        composer.compose(template, "ada@people.example", {**data, "name": name and "Ada"}, PATH, "", language)
    use_templates(context, monkeypatch, {})
    for template, data in samples.items():
        composer.compose(template, "eve@people.example", {**data, "name": name}, PATH, "", language)
    with pytest.raises(TemplateNotFound):
        composer.compose("test", "ада@people.example", samples["test"], PATH, "", language)


def test_an_email_without_an_identity_has_a_message_id_of_its_own(context: Flask) -> None:
    composer = Composer(*SETTINGS[0])
    assert len({composer.compose("test", "eve@people.example", {}).header_id for _ in range(3)}) == 3


def use_templates(app: Flask, monkeypatch: pytest.MonkeyPatch, files: Mapping[str, str]) -> None:
    """Have the application use these templates instead of its own."""
    monkeypatch.setattr(app.jinja_env, "loader", DictLoader(files))
    monkeypatch.setattr(app.jinja_env, "cache", {})
