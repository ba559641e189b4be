"""A changed file is taken up without a restart, and a broken one breaks nothing."""

import os
from pathlib import Path

import pytest
from flask import Flask

from tests.settings_file.test_apply import CONTENT
from tests.support.browser import Browser
from webapp.core.app_state import AppState
from webapp.mail import servers
from webapp.settings import service as settings
from webapp.settings_file import watch
from webapp.settings_file.document import InvalidSettingsFile
from webapp.settings_file.watch import Watch

pytestmark = pytest.mark.one_database


def product_name(state: AppState) -> str:
    with state.database.read() as session:
        return settings.general(session, state.config).product_name


def password(state: AppState) -> str:
    with state.database.read() as session:
        server = servers.primary(session)
    assert server is not None
    return servers.open_secrets(state.sealer, server)["password"]


def test_a_changed_file_is_applied_and_an_unchanged_one_is_left_alone(
    app: Flask, state: AppState, settings_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings_file.write_text(CONTENT)
    look = Watch(app)
    for _ in range(3):
        look()
    assert caplog.text.count("settings file applied") == 1
    settings_file.write_text(CONTENT.replace('"Post"', '"Mail"'))
    look()
    assert product_name(state) == "Mail"


def test_a_changed_secret_is_applied_also_behind_a_link(app: Flask, state: AppState, settings_file: Path) -> None:
    settings_file.write_text(CONTENT.replace("mail-password", "link"))
    link, new = settings_file.parent / "link", settings_file.parent / "new"
    link.symlink_to("mail-password")
    look = Watch(app)
    look()
    new.write_text("another secret")
    os.replace(new, settings_file.parent / "mail-password")
    look()
    assert password(state) == "another secret"


def test_a_broken_file_keeps_the_last_settings_and_is_logged_once_and_shown(
    app: Flask, state: AppState, settings_file: Path, administrator: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    settings_file.write_text(CONTENT)
    look = Watch(app)
    look()
    settings_file.write_text(CONTENT.replace('"Post"', "3").replace("= 5\n", "= 1\n"))
    look()
    look()
    assert product_name(state) == "Post"
    assert caplog.text.count("settings file has errors") == 1
    assert "The settings file has 2 errors" in administrator.get("/").text
    settings_file.write_text(CONTENT)
    look()
    assert "The settings file has" not in administrator.get("/").text


def test_a_file_that_is_gone_is_reported(app: Flask, settings_file: Path, administrator: Browser) -> None:
    settings_file.write_text(CONTENT)
    look = Watch(app)
    look()
    settings_file.unlink()
    look()
    assert "can&#39;t be read (No such file or directory)" in administrator.get("/").text


def test_the_start_is_refused_with_a_wrong_file(state: AppState, settings_file: Path) -> None:
    settings_file.write_text("[general]\nproduct_name = 1\nnone = 2")
    with pytest.raises(InvalidSettingsFile, match=r"toml is wrong: line 2, general.product_name: .* \(1 more: run"):
        watch.start(state)
