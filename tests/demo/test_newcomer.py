"""The tour of the README, in a real browser with the real demo."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.chromium import ARGUMENTS, PAGE_TIMEOUT, executable
from tests.support.running import Mailroom, free_port, running
from webapp.demo.sample_application import SECRET

PERSON = "grace@somewhere.example"


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Mailroom]:
    """The demo, as `make run` starts it, with the settings of another installation in its environment."""
    environ = {"MAILROOM_PUBLIC_URL": "https://real.example", "MAILROOM_DATABASE_URL": "postgresql://real.example/x"}
    with running(tmp_path, "demo", "--port", str(free_port()), environ=environ) as demo:
        demo.wait_for("/demo/inbox")
        yield demo


@pytest.fixture
def browser(demo: Mailroom) -> Iterator[Browser]:
    """Chromium; started after the demo, which stops last."""
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=executable(), args=ARGUMENTS)


@pytest.fixture
def newcomer(browser: Browser, demo: Mailroom) -> Page:
    """A newcomer who has just opened the demo."""
    address = next(word for word in demo.out.split() if word.startswith("http"))
    page = browser.new_page(base_url=address)
    page.set_default_timeout(PAGE_TIMEOUT)
    page.goto("/")
    return page


def test_a_newcomer_sends_activates_an_account_and_resets_its_password(newcomer: Page) -> None:
    sign_in(newcomer, "sysadmin@mailroom.example", "sysadmin-demo")
    send_as_a_program(newcomer)
    newcomer.goto("/outbox")
    newcomer.get_by_role("link", name="ada@people.example").click()
    newcomer.get_by_text("Shipped.").wait_for()
    # The content of delivered emails is kept in the demo only.
    newcomer.goto("/settings/applications")
    assert newcomer.get_by_label("Days to keep").input_value() == "7"

    newcomer.get_by_role("link", name="Users").click()
    newcomer.get_by_role("link", name="Create a user").first.click()
    newcomer.get_by_label("Name").fill("Grace")
    newcomer.get_by_label("Email address").fill(PERSON)
    newcomer.get_by_role("button", name="Create").click()

    open_email(newcomer, "Activate")
    newcomer.frame_locator("iframe").get_by_role("link").first.click()
    choose_password(newcomer, "the first password", f"Activate and sign in as {PERSON}")
    newcomer.get_by_text("Grace", exact=True).first.click()
    newcomer.get_by_role("button", name="Sign out").click()

    newcomer.get_by_role("link", name="Forgot your password?").click()
    newcomer.get_by_label("Email address").fill(PERSON)
    newcomer.locator("main button[type=submit]").click()
    open_email(newcomer, "password")
    newcomer.get_by_role("link", name="/reset-password/").first.click()
    choose_password(newcomer, "the second password", "Change password")
    sign_in(newcomer, PERSON, "the second password")
    newcomer.get_by_text("Grace", exact=True).first.wait_for()
    assert newcomer.url.endswith("/")


def send_as_a_program(page: Page) -> None:
    """Send an email by HTTP, and read it in the inbox."""
    email = {"from": "orders@shop.example", "to": "ada@people.example", "subject": "Your order", "text": "Shipped."}
    bearer = {"Authorization": f"Bearer {SECRET}"}
    assert page.request.post("/api/v1/messages", headers=bearer, data=email).status == 202
    open_email(page, "Your order")
    page.get_by_text("Shipped.").wait_for()


def sign_in(page: Page, email: str, password: str) -> None:
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


def open_email(page: Page, subject: str) -> None:
    """Refresh the inbox until the email is there, and open it."""
    page.goto("/demo/inbox")
    wanted = page.get_by_role("table").get_by_role("link", name=subject)
    for _ in range(100):
        if wanted.count():
            break
        page.wait_for_timeout(200)
        page.get_by_role("link", name="Refresh").click()
    wanted.first.click()


def choose_password(page: Page, password: str, button: str) -> None:
    page.locator("#password").fill(password)
    page.locator("#password_confirm").fill(password)
    page.get_by_role("button", name=button).click()
