"""Settings forms that two administrators submit at the same time."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.mail.page import custom, password
from tests.support.browser import Browser
from webapp.core.app_state import AppState

pytestmark = pytest.mark.one_database
CONFLICT = "Someone saved these settings while you were editing"
PAGES = [
    ("/settings/general", None, {"product_name": "Post"}, {"support_address": "us@example.com"}),
    ("/settings/security", None, {"lockout_threshold": "7"}, {"password_min_length": "12"}),
    ("/settings/mail", "save", {"mail_from": "a@example.com"}, {"timeout": "20"}),
]


@pytest.mark.parametrize(("path", "button", "one", "other"), PAGES)
def test_saving_over_someone_elses_change_takes_a_second_try(
    administrator: Browser,
    use_server: Callable[..., None],
    path: str,
    button: str | None,
    one: dict[str, Any],
    other: dict[str, Any],
) -> None:
    use_server()
    first, second = administrator.get(path), administrator.get(path)
    assert "Saved" in administrator.submit_on(first, button, **one).text
    conflict = administrator.submit_on(second, button, **other)
    (value,) = other.values()
    assert CONFLICT in conflict.text
    assert f'value="{value}"' not in administrator.get(path).text
    assert "Saved" in administrator.submit_on(conflict, button, **other).text
    assert f'value="{value}"' in administrator.get(path).text


@pytest.mark.parametrize(("path", "button", "one", "other"), PAGES)
def test_a_second_click_is_no_change_by_someone_else(
    administrator: Browser,
    use_server: Callable[..., None],
    path: str,
    button: str | None,
    one: dict[str, Any],
    other: dict[str, Any],
) -> None:
    use_server()
    page = administrator.get(path)
    for _click in range(2):
        answer = administrator.submit_on(page, button, **one)
        assert "Saved" in answer.text
        assert CONFLICT not in answer.text


@pytest.mark.parametrize(("second", "conflict"), [("first-password", False), ("second-password", True)])
def test_a_second_click_on_the_mail_server_saves_its_password_once(
    second: str, conflict: bool, administrator: Browser, state: AppState
) -> None:
    page = administrator.get("/settings/mail")
    assert "Saved" in administrator.submit_on(page, "save", **custom()).text
    answer = administrator.submit_on(page, "save", **custom(password=second))
    assert (CONFLICT if conflict else "Saved and in use.") in answer.text
    assert password(state) == "first-password"
