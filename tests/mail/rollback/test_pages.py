"""The pages about revisions, and the box that lets Mailroom go back by itself."""

import pytest

from tests.mail.page import PAGE, custom, password, saved
from tests.support.browser import Browser
from webapp.core.app_state import AppState

pytestmark = pytest.mark.one_database


@pytest.fixture
def revisions(administrator: Browser, state: AppState) -> str:
    """The page with two revisions, of which the second has another password and host."""
    administrator.submit(PAGE, "save", **custom())
    administrator.submit(PAGE, "save", **custom(host="smtp.other.example", password="second-password"))
    return f"{PAGE}/{saved(state).id}/revisions"


def test_a_revision_is_restored_after_its_differences_were_shown(
    administrator: Browser, state: AppState, revisions: str
) -> None:
    page = administrator.get(f"{revisions}/1/restore")
    assert "smtp.other.example" in page.text
    assert "second-password" not in page.text
    assert "Revision 1 is restored" in administrator.submit_on(page, "restore").text
    assert (saved(state).host, password(state)) == ("smtp.example.org", "first-password")


def test_a_page_from_before_another_change_restores_nothing(
    administrator: Browser, state: AppState, revisions: str
) -> None:
    page = administrator.get(f"{revisions}/1/restore")
    administrator.submit(PAGE, "save", timeout="20")
    assert "Someone saved these settings while you were editing" in administrator.submit_on(page, "restore").text
    assert saved(state).host == "smtp.other.example"


@pytest.mark.parametrize("path", ["/9/restore", "/compare?before=1", "/compare?before=1&after=x"])
def test_what_is_not_there_is_not_found(administrator: Browser, revisions: str, path: str) -> None:
    assert administrator.get(f"{revisions}{path}").status_code == 404


def test_the_box_is_ticked_and_cleared(administrator: Browser, state: AppState) -> None:
    administrator.submit(PAGE, "save", **custom(goes_back=True))
    assert saved(state).goes_back
    administrator.submit(PAGE, "save", timeout="20")
    assert saved(state).goes_back
    administrator.submit(PAGE, "save", goes_back=False)
    assert not saved(state).goes_back
