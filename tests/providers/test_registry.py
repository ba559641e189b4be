"""Plugins are found, checked and ordered, and errors name the plugin."""

from collections.abc import Callable
from pathlib import Path

import pytest

from webapp.mail.server_page.forms import RESERVED
from webapp.providers import Failure
from webapp.providers.registry import InvalidPlugin, ProviderRegistry, UnknownProvider, load_providers

GOOD = """
from webapp.providers import Connection, OAuth2, Provider, hookimpl

@hookimpl
def register_smtp_provider():
    return Provider(key="{key}", label="Mail of {key}", connection=Connection("smtp.{key}.example"){more})
"""

Load = Callable[..., ProviderRegistry]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load the built-in providers and the given files."""

    def load(**files: str) -> ProviderRegistry:
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text)
        return load_providers([tmp_path], RESERVED)

    return load


def good(key: str, more: str = "") -> str:
    """Return a valid plugin file."""
    return GOOD.format(key=key, more=f", {more}" if more else "")


def test_a_file_in_the_plugin_folder_adds_a_provider(load: Load) -> None:
    assert load(acme=good("acme"))["acme"].connection.host == "smtp.acme.example"


def test_providers_are_ordered_by_label_with_custom_last(load: Load) -> None:
    assert [one.key for one in load(acme=good("acme"))] == ["google", "acme", "office365", "sendgrid", "custom"]


def test_a_file_whose_name_starts_with_an_underscore_is_ignored(load: Load) -> None:
    assert [one.key for one in load(_helpers="raise RuntimeError")] == ["google", "office365", "sendgrid", "custom"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def broken(:", "does not import"),
        ("import no_such_module", "does not import"),
        ("x = 1", "implements no hook"),
        (good("acme").replace("register_smtp_provider", "register_smtp_provder"), "register_smtp_provder"),
        (good("google"), "already adds the provider 'google'"),
        (good("Acme Mail"), "'Acme Mail'"),
        (good("acme", "authentication=[]"), "no authentication"),
        (
            good("acme", "authentication=[OAuth2(grant_types=['authorisation'])]"),
            "grant types other than authorization_code",
        ),
        (good("acme", "authentication=[OAuth2(grant_types=[])]"), "grant types other than authorization_code"),
        (good("acme", "authentication=[OAuth2(token_url='http://acme.example')]"), "does not start with https://"),
        (good("acme", "authentication=[OAuth2(token_url='https://acme.example')]"), "without its URL"),
        (good("acme", "authentication=[OAuth2(scopes='mail.send')]"), "scopes as one text"),
        (good("acme").replace('key="acme"', "key=7"), "wrong type"),
        (good("acme", "fields=[]"), "wrong type"),
        (good("acme").replace("Mail of", "Mail of " * 20), "more than 60 characters"),
        (good("acme", "fields={'host': None}"), "'host'"),
        (good("acme", "fields={'region': 7}"), "not a WTForms field"),
        (good("acme").replace("return Provider", "return dict"), "not a Provider"),
    ],
)
def test_an_invalid_plugin_is_refused_by_name(text: str, message: str, load: Load, tmp_path: Path) -> None:
    with pytest.raises(InvalidPlugin) as refused:
        load(acme=text)
    assert str(tmp_path / "acme.py") in str(refused.value)
    assert message in str(refused.value)


def test_a_missing_plugin_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidPlugin, match="no such folder"):
        load_providers([tmp_path / "nowhere"])


@pytest.mark.parametrize(
    "text",
    [
        good("acme").replace("    return", "    raise RuntimeError('boom')\n    return"),
        "from wtforms import SelectField\n"
        + good("acme", "fields={'region': SelectField('Region', choices=lambda: 1 / 0)}"),
    ],
)
def test_a_plugin_that_raises_loses_only_its_own_provider(text: str, load: Load, tmp_path: Path) -> None:
    providers = load(acme=text, other=good("other"))
    assert "other" in providers
    assert "acme" not in providers
    assert [failed.file for failed in providers.failed] == [str(tmp_path / "acme.py")]


def test_an_unknown_provider_is_named(load: Load) -> None:
    with pytest.raises(UnknownProvider, match="acme"):
        load()["acme"]


def test_every_built_in_provider_names_its_source(load: Load) -> None:
    for provider in load():
        assert provider.steps, provider.key
        # Custom describes no particular service, so that there is no documentation to name.
        is_particular = provider.key != "custom"
        assert provider.source.startswith("https://") == is_particular, provider.key
        assert bool(provider.checked) == is_particular, provider.key


def test_an_invalid_diagnosis_rule_is_ignored(load: Load) -> None:
    providers = load(acme=good("acme", "diagnosis_rules=['535']"))
    assert providers.diagnose(providers["acme"], Failure("auth", reply="535 No"), {}) is None
