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
<form id="device"><input name="csrf_token" value="x"></form><form><input name="host">
<div data-waiting="/device" data-every="1" data-then="/news"><p data-news hidden>Reload the page</p></div></form>
"""
SETTINGS = """
<a href="/other">Another tab</a>
<main class="page"><form method="post"><input type="hidden" name="csrf_token">
<input name="host" value="smtp.example.org"><input type="checkbox" name="common" checked>
<textarea name="key"></textarea><select name="proxy"><option>no</option></select>
<input type="radio" name="security" value="tls" checked><input type="radio" name="security" value="none">
<select name="unit"><option>minutes</option><option selected>hours</option></select>
<input type="password" name="password"><input type="password" name="current" autocomplete="current-password">
<input name="recipient" value="a@b.example" data-not-saved><button name="save" value="1">Save</button></form>
<form method="post"><button name="sign_out">Another form</button></form></main>
"""
RESULT = """
<div style="height: 3000px"></div>
<main class="page"><form method="post"><details><summary>Advanced</summary>Timeout</details>
<button name="test">Test</button></form></main>
<dialog class="result" open><form method="dialog"><button>Close</button></form></dialog>
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
    # The code is entered after the edit, however long that takes.
    stage.statuses = [503] * 100
    page = stage.show(CODE)
    page.locator("[name=host]").press_sequentially("smtp")
    stage.statuses.clear()
    page.get_by_text("Reload the page").wait_for()
    assert (page.url, page.locator("[name=host]").input_value()) == (ADDRESS, "smtp")


@pytest.mark.parametrize(
    ("edit", "leave"),
    [
        ("form.host.value = 'smtp'", "Another tab"),
        ("form.host.value = 'smtp'", "Another form"),
        ("form.common.checked = false", "Another tab"),
        ("form.security[1].checked = true", "Another tab"),
        ("form.key.value = 'x'", "Another tab"),
        ("form.unit.value = 'minutes'", "Another tab"),
        ("form.password.value = 'x'", "Another tab"),
        ("form.csrf_token.dataset.unsaved = ''", "Another tab"),
    ],
)
def test_leaving_a_page_with_unsaved_edits_asks_first(edit: str, leave: str, stage: Stage) -> None:
    page = stage.show(SETTINGS)
    page.evaluate(f"() => {{ const form = document.forms[0]; {edit}; }}")
    with page.expect_event("dialog") as asked:
        page.once("dialog", lambda dialog: dialog.dismiss())
        page.get_by_text(leave).click(no_wait_after=True)
    assert (asked.value.type, page.url, stage.sent) == ("beforeunload", ADDRESS, [])


def test_somebody_who_stays_can_go_on(stage: Stage) -> None:
    page = stage.show(SETTINGS)
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.locator("[name=host]").fill("smtp")
    with page.expect_event("dialog"):
        page.get_by_text("Another form").click(no_wait_after=True)
    page.get_by_text("Save").click()
    page.wait_for_url(ADDRESS)
    assert ["host=smtp&" in sent for sent in stage.sent] == [True]


@pytest.mark.parametrize("edit", ["", "recipient", "current", "undone"])
def test_nothing_is_asked_without_an_edit_to_lose(edit: str, stage: Stage) -> None:
    page = stage.show(SETTINGS)
    page.on("dialog", lambda _: stage.sent.append("asked"))
    if edit == "undone":
        page.locator("[name=host]").press_sequentially("x")
        page.keyboard.press("Backspace")
    elif edit:
        page.locator(f"[name={edit}]").fill("x")
    with page.expect_navigation():
        page.get_by_text("Another tab").click()
    assert stage.sent == []


def test_closing_a_result_returns_to_the_place_on_the_page(stage: Stage) -> None:
    page = stage.show(RESULT)
    page.get_by_text("Close").click()
    page.get_by_text("Advanced").click()
    top = page.evaluate("scrollY")
    with page.expect_navigation():
        page.locator("[name=test]").evaluate("button => button.click()")
    page.get_by_text("Close").click()
    assert page.evaluate("[scrollY, document.activeElement.name]") == [top, "test"]
    assert page.get_by_text("Timeout").is_visible()
    assert top > 1000


def test_a_wait_of_more_than_a_second_is_shown(stage: Stage) -> None:
    page = stage.show(FORM + '<div role="status" data-busy="Waiting"></div>')
    stage.slow = True
    page.evaluate(
        "new MutationObserver(([seen]) => console.log(seen.target.textContent, performance.now() - clickedAt))"
        ".observe(document.querySelector('[role=status]'), { childList: true });"
        "addEventListener('click', () => { clickedAt = performance.now(); })"
    )
    with page.expect_console_message() as shown:
        page.locator("[name=save]").click(no_wait_after=True)
    text, milliseconds = shown.value.text.rsplit(" ", 1)
    assert text == "Waiting"
    assert float(milliseconds) > 999
