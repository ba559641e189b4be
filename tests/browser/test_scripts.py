"""What the script adds to a page, on pages made for the test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route

SCRIPT = Path(__file__).parents[2] / "webapp/static/mailroom.js"
ADDRESS = "http://mailroom.test/"
FORM = """
<form method="post">
<input name="email" value="max@mailroom.example"><input id="password" name="password" type="password" value="secret">
<button type="button" data-reveal="password" aria-pressed="false" hidden>Show</button>
<button name="save" value="1">Save</button>
</form>
"""
CARDS = """
<form method="post"><div class="provider-cards">
<label class="provider-card"><input type="radio" name="provider" value="google" checked>Google</label>
<label class="provider-card"><input type="radio" name="provider" value="custom">Custom</label>
</div><button name="choose" value="1">Use this provider</button></form>
"""
CODE = """
<form id="device"><input name="csrf_token" value="x"></form><input name="host">
<div data-waiting="/device" data-every="1" data-then="/news"><p data-news hidden>Reload the page</p></div>
"""


class Stage:
    """A page with the script, and the forms it has sent."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.sent: list[str] = []
        self.body = ""
        self.slow = False
        # How often the script has polled, and the statuses of the next responses; later ones are 200.
        self.polls = 0
        self.statuses: list[int] = []
        page.route("**/*", self._answer)

    def show(self, body: str) -> Page:
        """Open a page with this body."""
        self.body = body
        self.page.goto(ADDRESS)
        return self.page

    def _answer(self, route: Route) -> None:
        if route.request.url.endswith(".js"):
            route.fulfill(path=SCRIPT, content_type="text/javascript")
            return
        if route.request.resource_type == "fetch":
            self.polls += 1
            route.fulfill(status=self.statuses.pop(0) if self.statuses else 200, json={"waiting": False})
            return
        if route.request.method == "POST":
            self.sent.append(route.request.post_data or "")
            if self.slow:
                return
        head = '<!doctype html><script src="/mailroom.js" defer></script>'
        route.fulfill(body=head + self.body, content_type="text/html")


@pytest.fixture
def stage(chromium: Browser) -> Iterator[Stage]:
    with chromium.new_context() as context:
        yield Stage(context.new_page())


def test_a_double_click_submits_a_form_once_with_its_button(stage: Stage) -> None:
    page = stage.show(FORM)
    stage.slow = True
    page.locator("[name=save]").evaluate("button => { button.click(); setTimeout(() => button.click(), 100); }")
    page.wait_for_timeout(300)
    assert stage.sent == ["email=max%40mailroom.example&password=secret&save=1"]


def test_an_error_disappears_when_the_field_is_changed(stage: Stage) -> None:
    page = stage.show('<input id="host" class="is-invalid" aria-invalid="true"><p id="host-error">Enter a value.</p>')
    page.locator("#host").press_sequentially("s")
    assert page.locator("#host-error, .is-invalid, [aria-invalid]").count() == 0


def test_a_form_can_be_submitted_again_after_going_back(stage: Stage) -> None:
    page = stage.show(FORM)
    for _ in range(2):
        with page.expect_navigation():
            page.get_by_text("Save").click()
        page.go_back()
    assert len(stage.sent) == 2


def test_a_shown_password_is_hidden_again_on_submit(stage: Stage) -> None:
    page = stage.show(FORM)
    page.evaluate("addEventListener('submit', (event) => { event.preventDefault(); })")
    page.get_by_text("Show").click()
    assert page.locator("#password").get_attribute("type") == "text"
    page.get_by_text("Save").click()
    assert page.locator("#password").get_attribute("type") == "password"


def test_a_click_on_a_card_chooses_its_provider(stage: Stage) -> None:
    page = stage.show(CARDS)
    with page.expect_navigation():
        page.get_by_text("Custom").click()
    assert stage.sent == ["provider=custom&choose=1"]


def test_arrow_keys_move_between_cards_without_submitting(stage: Stage) -> None:
    page = stage.show(CARDS)
    page.locator("[value=google]").focus()
    page.keyboard.press("ArrowDown")
    assert page.locator("[value=custom]").is_checked()
    page.keyboard.press("Tab")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert stage.sent == ["provider=custom&choose=1"]


def test_a_result_is_shown_in_a_dialog_until_it_is_closed(stage: Stage) -> None:
    page = stage.show('<dialog class="result" open><form method="dialog"><button>Close</button></form></dialog>')
    assert page.locator("dialog:modal").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()


def test_a_link_is_copied(stage: Stage) -> None:
    stage.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = stage.show(
        '<input id="link" value="https://x.example" readonly>'
        '<button type="button" data-copy="link" data-done="Copied" hidden>Copy</button><textarea></textarea>'
    )
    page.get_by_text("Copy").click()
    page.get_by_text("Copied").wait_for()
    page.locator("textarea").focus()
    page.keyboard.press("Control+V")
    assert page.locator("textarea").input_value() == "https://x.example"


def test_polling_for_a_code_goes_on_after_an_error(stage: Stage) -> None:
    stage.statuses = [503]
    page = stage.show(CODE.replace('data-every="1"', 'data-every="0.3"'))
    page.wait_for_url("**/news")
    assert stage.polls == 2


def test_the_page_is_reloaded_once_a_code_is_entered(stage: Stage) -> None:
    page = stage.show(CODE)
    page.wait_for_url("**/news")
    assert page.url.endswith("/news")


def test_the_page_is_not_reloaded_if_that_would_lose_input(stage: Stage) -> None:
    page = stage.show(CODE)
    page.locator("[name=host]").press_sequentially("smtp")
    page.get_by_text("Reload the page").wait_for()
    assert (page.url, page.locator("[name=host]").input_value()) == (ADDRESS, "smtp")
