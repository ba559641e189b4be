"""A settings file that tests write, check and apply."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from webapp.core.app_state import AppState
from webapp.settings_file import document, service
from webapp.settings_file.document import InvalidSettingsFile

Apply = Callable[..., None]
Problems = Callable[..., list[str]]


@pytest.fixture
def settings_file(tmp_path: Path) -> Path:
    """The path of the settings file; beside it is a file with a password."""
    (tmp_path / "mail-password").write_text("a file's secret\n")
    return tmp_path / "mailroom.toml"


@pytest.fixture
def config_values(settings_file: Path) -> dict[str, Any]:
    return {"settings": str(settings_file)}


@pytest.fixture
def apply(state: AppState, settings_file: Path) -> Apply:
    """Apply the settings file, with this content if one is given; keyword arguments are environment variables."""

    def apply(content: str | None = None, **environ: str) -> None:
        if content is not None:
            settings_file.write_text(content)
        service.apply_document(state, document.read(settings_file, environ))

    return apply


@pytest.fixture
def problems(apply: Apply) -> Problems:
    """Apply a wrong file, and return what is wrong with it."""

    def problems(content: str, **environ: str) -> list[str]:
        with pytest.raises(InvalidSettingsFile) as caught:
            apply(content, **environ)
        return [str(problem) for problem in caught.value.problems]

    return problems
