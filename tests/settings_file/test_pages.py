"""What the file sets is shown as set there, and can't be changed anywhere else; the rest can."""

import re
from dataclasses import replace

import pytest

from tests.settings_file.conftest import Apply
from tests.settings_file.test_apply import CONTENT
from tests.support.browser import Browser
from webapp.core.app_state import AppState
from webapp.core.errors import SetInFile
from webapp.mail import server_list
from webapp.mail.servers import primary
from webapp.settings import service as settings
from webapp.settings_file import service
from webapp.settings_file.document import InvalidSettingsFile, Problem

pytestmark = pytest.mark.one_database
SET_IN_FILE = "Set in the settings file."
REFUSED = "The settings file sets this."


def test_general_settings_of_the_file_are_locked_and_the_others_can_be_saved(
    apply: Apply, administrator: Browser, state: AppState
) -> None:
    apply(CONTENT)
    page = administrator.get("/settings/general").text
    assert page.count(SET_IN_FILE) == 1
    assert re.search(r'<input id="product_name"[^>]* readonly', page)
    assert "Saved." in administrator.submit("/settings/general", support_address="post@post.example").text
    refused = administrator.submit("/settings/general", product_name="Mail", support_address="mail@post.example")
    assert f'id="product_name-error">{REFUSED}' in refused.text
    with state.database.read() as session:
        assert settings.general(session, state.config).support_address == "post@post.example"


def test_a_locked_checkbox_stays_as_it_is_when_the_rest_is_saved(
    apply: Apply, administrator: Browser, state: AppState
) -> None:
    apply(CONTENT.replace("password_reject_common = false", "password_reject_common = true"))
    # Browsers don't send disabled controls.
    page = administrator.submit("/settings/security", password_min_length="12")
    assert "Saved." in page.text
    assert page.text.count(SET_IN_FILE) == 3
    with state.database.read() as session:
        policy = settings.security(session)
    assert (policy.password_min_length, policy.password_reject_common) == (12, True)
    refused = administrator.submit("/settings/security", session="2", lockout_threshold="9").text
    assert refused.count(f'-error">{REFUSED}') == 2


def test_the_mail_server_of_the_file_is_locked_but_its_timeout_can_be_saved(
    apply: Apply, administrator: Browser, state: AppState
) -> None:
    apply(CONTENT)
    page = administrator.get("/settings/mail").text
    assert page.count(SET_IN_FILE) == 7
    assert "Use this provider" not in page
    assert "Saved" in administrator.submit("/settings/mail", "save", timeout="20", provider=None).text
    refused = administrator.submit("/settings/mail", "save", host="evil.example", password="x", timeout="30")
    assert f'id="host-error">{REFUSED}' in refused.text
    with state.database.read() as session:
        server = primary(session)
    assert server is not None
    assert (server.host, server.timeout) == ("smtp.post.example", 20)


def test_what_is_no_longer_in_the_file_stays_and_can_be_changed(
    apply: Apply, administrator: Browser, state: AppState
) -> None:
    apply(CONTENT)
    apply('[general]\nsupport_address = "help@post.example"')
    page = administrator.submit("/settings/general", product_name="Mail").text
    assert "Saved." in page
    service.forget(state)
    assert SET_IN_FILE not in administrator.get("/settings/general").text


def test_a_mail_server_from_the_file_is_not_deleted(apply: Apply, state: AppState) -> None:
    apply(CONTENT)
    with state.database.transaction() as session, pytest.raises(SetInFile):
        server_list.delete(session, primary(session).id)  # type: ignore[union-attr]


def test_the_public_url_of_the_environment_overrides_that_of_the_file(apply: Apply, state: AppState) -> None:
    apply('[general]\npublic_url = "https://file.example/"')
    with state.database.read() as session:
        assert settings.general(session, state.config).public_url == "https://file.example"
        environment = replace(state.config, public_url="https://environment.example")
        assert settings.general(session, environment).public_url == "https://environment.example"


def test_administrators_see_what_is_wrong_with_the_file_until_it_is_right(
    apply: Apply, administrator: Browser, member: Browser, settings_file: object, state: AppState
) -> None:
    wrong = Problem("<b> is unknown.", "general.<b>", 12)
    service.record_problems(state, InvalidSettingsFile(state.config.instance, [wrong]))
    shown = "<li>line 12, general.&lt;b&gt;: &lt;b&gt; is unknown.</li>"
    assert shown in administrator.get("/users").text
    assert shown not in member.get("/").text
    apply(CONTENT)
    assert "The settings file has an error" not in administrator.get("/users").text


def test_the_audit_trail_names_the_settings_file(apply: Apply, administrator: Browser) -> None:
    apply(CONTENT)
    assert '<td data-label="By">Settings file</td>' in administrator.get("/audit").text
