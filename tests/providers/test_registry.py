"""Plugins are found, checked and ordered, and errors name the plugin."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.providers.conftest import Load, good
from webapp.providers import Diagnosis, Failure
from webapp.providers.registry import InvalidPlugin, UnknownProvider, load_providers


def test_a_file_in_the_plugin_folder_adds_a_provider(load: Load) -> None:
    assert load(acme=good("acme"))["acme"].connection.host == "smtp.acme.example"


def test_providers_are_ordered_by_label_with_custom_last(load: Load) -> None:
    assert [one.key for one in load(acme=good("acme"))] == ["google", "acme", "office365", "sendgrid", "custom"]


def test_a_file_whose_name_starts_with_an_underscore_is_ignored(load: Load) -> None:
    assert [one.key for one in load(_helpers="raise RuntimeError")] == ["google", "office365", "sendgrid", "custom"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def broken(:", "does not import (SyntaxError"),
        ("import no_such_module", "does not import (ModuleNotFoundError"),
        ("raise SystemExit", "does not import (SystemExit"),
        ("x = 1", "implements no hook"),
        (good("acme").replace("register_smtp_provider", "register_smtp_provder"), "register_smtp_provder"),
        (good("google"), "already adds the provider 'google'"),
        (good("acme").replace("return Provider", "return dict"), "returns {'key': 'acme'"),
        (
            good("acme").replace("return Provider", "Provider"),
            "register_smtp_provider returns None. Allowed: a Provider",
        ),
        (good("acme").replace('key="acme", ', ""), "missing 1 required positional argument: 'key'"),
        (good("acme", "step=[]"), "unexpected keyword argument 'step'"),
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
        good("acme").replace("    return", "    raise SystemExit\n    return"),
        "from wtforms import SelectField\n"
        + good("acme", "fields={'region': SelectField('Region', choices=lambda: 1 / 0)}"),
    ],
)
def test_a_plugin_that_raises_loses_only_its_own_provider(text: str, load: Load, tmp_path: Path) -> None:
    providers = load(acme=text, other=good("other"))
    assert "other" in providers
    assert "acme" not in providers
    assert [failed.file for failed in providers.failed] == [str(tmp_path / "acme.py")]


HOOK = """
@hookimpl
def explain_failure(provider, failure):
    {body}
"""


@pytest.mark.parametrize(
    "body", ["raise SystemExit", "1 / 0", "return 'text'", "return Diagnosis('x', help_url='javascript:x')"]
)
def test_a_hook_that_fails_is_named_in_the_log_and_leaves_the_word_to_others(
    body: str, load: Load, tmp_path: Path
) -> None:
    other = HOOK.format(body="return Diagnosis('Explained.') if provider == 'custom' else None")
    imports = "from webapp.providers import Diagnosis\n"
    providers = load(aaa=imports + good("aaa") + other, zzz=imports + good("zzz") + HOOK.format(body=body))
    with capture_logs() as logged:
        for _ in range(2):
            found = providers.diagnose(providers["custom"], Failure("auth", reply="535 No"), {})
            assert found == Diagnosis("Explained.")
    assert [entry["plugin"] for entry in logged] == [str(tmp_path / "zzz.py")] * 2
    assert ["Traceback" in entry.get("exception", "") for entry in logged] == [True, False]


def test_an_unknown_provider_is_named(load: Load) -> None:
    with pytest.raises(UnknownProvider, match="acme"):
        load()["acme"]


def test_every_built_in_provider_names_its_source(load: Load) -> None:
    for provider in load():
        assert provider.steps, provider.key
        # Custom describes no particular service, so that there is no page to compare it with.
        is_particular = provider.key != "custom"
        assert provider.source.startswith("https://") == is_particular, provider.key
        assert bool(provider.checked) == is_particular, provider.key
