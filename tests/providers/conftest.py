"""Plugin files, as their authors write them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from webapp.mail.server_page.forms import RESERVED
from webapp.providers.registry import ProviderRegistry, load_providers

GOOD = """
from webapp.providers import Connection, OAuth2, Provider, hookimpl

@hookimpl
def register_smtp_provider():
    return Provider(key="{key}", label="Mail of {key}", {more})
"""
USUAL = {"connection": 'Connection("smtp.acme.example")', "source": '"https://acme.example/docs"'}

Load = Callable[..., ProviderRegistry]


def good(key: str, more: str = "") -> str:
    """Return a valid plugin file; `more` are arguments of its provider."""
    given = [more] if more else []
    usual = [f"{name}={value}" for name, value in USUAL.items() if f"{name}=" not in more]
    return GOOD.format(key=key, more=", ".join([*usual, *given]))


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load the built-in providers and the given files."""

    def load(**files: str) -> ProviderRegistry:
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text)
        return load_providers([tmp_path], RESERVED)

    return load
