"""“Remember me” in a Chromium that is closed and opened again, and links in an email preview."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import QUIET
from tests.browser.serving import Site
from tests.support.chromium import ARGUMENTS, executable

EMAIL, PASSWORD = "ada@mailroom.example", "the first long sentence 7"


@contextmanager
def opened(chromium: Browser, profile: Path) -> Iterator[Page]:
    """Open a browser with this profile, and close it at the end."""
    context = chromium.browser_type.launch_persistent_context(
        profile, executable_path=executable(), args=[*ARGUMENTS, *QUIET]
    )
    try:
        yield context.pages[0] if context.pages else context.new_page()
    finally:
        context.close()


def set_up(page: Page, site: Site) -> None:
    """Create the administrator, and sign out."""
    page.goto(site.setup_url)
    for name, value in {
        "email": EMAIL,
        "name": "Ada",
        "password": PASSWORD,
        "password_confirm": PASSWORD,
        "public_url": site.url,
    }.items():
        page.fill(f'[name="{name}"]', value)
    page.click('main button:has-text("Create and sign in")')
    page.context.clear_cookies()


@pytest.mark.parametrize("remember", [True, False])
def test_closing_the_browser_signs_out_unless_remembered(
    chromium: Browser, site: Site, tmp_path: Path, remember: bool
) -> None:
    with opened(chromium, tmp_path / "profile") as page:
        set_up(page, site)
        page.goto(f"{site.url}/login")
        page.fill('[name="email"]', EMAIL)
        page.fill('[name="password"]', PASSWORD)
        page.set_checked('[name="remember"]', remember)
        page.click('main button:has-text("Sign in")')
        page.wait_for_url(f"{site.url}/")
    with opened(chromium, tmp_path / "profile") as page:
        page.goto(f"{site.url}/settings/emails/reset")
        assert (page.url == f"{site.url}/settings/emails/reset") == remember
        if remember:
            follow_a_link_in_the_preview(page)


def follow_a_link_in_the_preview(page: Page) -> None:
    """The preview shows the email with its styles, and a click in it leads nowhere."""
    frame, before = page.frame_locator("iframe.mail-frame"), page.url
    button = frame.locator("a.button-link")
    assert button.evaluate("link => getComputedStyle(link).color") == "rgb(255, 255, 255)"
    button.click()
    page.wait_for_timeout(300)
    assert page.url == before
    assert button.is_visible()
