"""Plugins are found, checked and ordered; a broken one is named."""

import ast
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

    def go(**files: str) -> ProviderRegistry:
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text)
        return load_providers([tmp_path], RESERVED)

    return go


def good(key: str, more: str = "") -> str:
    """A plugin file that works."""
    return GOOD.format(key=key, more=f", {more}" if more else "")


def test_a_file_in_the_plugin_folder_brings_a_provider(load: Load) -> None:
    assert load(acme=good("acme"))["acme"].connection.host == "smtp.acme.example"


def test_the_providers_stand_in_the_order_of_their_labels_custom_last(load: Load) -> None:
    assert [one.key for one in load(acme=good("acme"))] == ["google", "acme", "office365", "sendgrid", "custom"]


def test_a_file_that_starts_with_an_underscore_is_no_plugin(load: Load) -> None:
    assert [one.key for one in load(_helpers="raise RuntimeError")] == ["google", "office365", "sendgrid", "custom"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def broken(:", "does not import"),
        ("import no_such_module", "does not import"),
        ("x = 1", "answers no hook"),
        (good("acme").replace("register_smtp_provider", "register_smtp_provder"), "register_smtp_provder"),
        (good("google"), "already brings the provider 'google'"),
        (good("Acme Mail"), "'Acme Mail'"),
        (good("acme", "authentication=[]"), "no authentication"),
        (good("acme", "authentication=[OAuth2(grants=['authorisation'])]"), "grants other than authorization_code"),
        (good("acme", "authentication=[OAuth2(grants=[])]"), "grants other than authorization_code"),
        (good("acme", "authentication=[OAuth2(token_url='http://acme.example')]"), "does not start with https://"),
        (good("acme", "authentication=[OAuth2(token_url='https://acme.example')]"), "without its address"),
        (good("acme", "authentication=[OAuth2(scopes='mail.send')]"), "scopes as one text"),
        (good("acme").replace('key="acme"', "key=7"), "wrong type"),
        (good("acme", "fields=[]"), "wrong type"),
        (good("acme").replace("Mail of", "Mail of " * 20), "more than 60 characters"),
        (good("acme", "fields={'host': None}"), "'host'"),
        (good("acme", "fields={'region': 7}"), "no WTForms field"),
        (good("acme").replace("return Provider", "return dict"), "not a Provider"),
    ],
)
def test_what_is_no_plugin_stops_the_start_and_is_named(text: str, words: str, load: Load, tmp_path: Path) -> None:
    with pytest.raises(InvalidPlugin) as refused:
        load(acme=text)
    assert str(tmp_path / "acme.py") in str(refused.value)
    assert words in str(refused.value)


def test_a_missing_plugin_folder_stops_the_start(tmp_path: Path) -> None:
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
def test_a_plugin_that_raises_loses_its_own_provider_alone(text: str, load: Load, tmp_path: Path) -> None:
    providers = load(acme=text, other=good("other"))
    assert "other" in providers
    assert "acme" not in providers
    assert [failed.file for failed in providers.failed] == [str(tmp_path / "acme.py")]


def test_a_provider_that_nobody_brings_is_told_by_its_key(load: Load) -> None:
    with pytest.raises(UnknownProvider, match="acme"):
        load()["acme"]


def test_every_provider_of_ours_says_where_its_facts_are_from(load: Load) -> None:
    for provider in load():
        assert provider.source.startswith("https://"), provider.key
        assert provider.checked, provider.key
        assert provider.steps, provider.key


def test_our_plugins_import_nothing_that_a_stranger_may_not() -> None:
    for path in Path(__file__).parents[2].glob("plugins/*.py"):
        imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        ours = {str(node.module) for node in imports if str(node.module).partition(".")[0] in ("webapp", "plugins")}
        assert ours <= {"webapp.providers"}, path.name


def test_explanations_that_are_none_explain_nothing(load: Load) -> None:
    providers = load(acme=good("acme", "diagnosis_rules=['535']"))
    assert providers.diagnose(providers["acme"], Failure("auth", reply="535 No"), {}) is None
