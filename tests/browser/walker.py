"""Somebody at a real browser, who complains about every page that is not accessible."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, ViewportSize

ColorScheme = Literal["light", "dark"]
# A folder for screenshots of every page, for people to look at.
SHOTS = os.environ.get("MAILROOM_TEST_SHOTS", "")
SCHEMES: tuple[ColorScheme, ...] = ("light", "dark")
# Pages that are opened on a desktop are checked at this size, too.
PHONE = ViewportSize(width=390, height=844)
# What axe checks: on a desktop everything, and the colours in dark mode; on a phone what its layout changes.
EVERYTHING = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
COLOURS = {"resultTypes": ["violations"], "runOnly": ["color-contrast"]}
LAYOUT = {"resultTypes": ["violations"], "runOnly": ["target-size", "scrollable-region-focusable", "aria-hidden-focus"]}
RULES: dict[str, dict[ColorScheme, dict[str, Any]]] = {
    "desktop": {"light": EVERYTHING, "dark": COLOURS},
    "phone": {"light": LAYOUT},
}


class Walker:
    """Opens pages, fills in forms by the names of their fields, and presses buttons."""

    def __init__(self, name: str, new_context: Callable[[], BrowserContext], scripts: bool) -> None:
        self.name = name
        self.scripts = scripts
        self._new_context = new_context
        self.page: Page = new_context().new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._check_console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))

    def another(self) -> "Walker":
        """Return somebody else, at another browser with the same screen."""
        return Walker(self.name, self._new_context, self.scripts)

    def open(self, address: str, check: bool = True) -> None:
        """Open a URL and check the page."""
        self.page.goto(address)
        if check:
            self.check_page()

    def fill(self, **fields: str) -> None:
        """Fill in, tick or choose fields of the page's main form, opening what hides them."""
        for name, value in fields.items():
            controls = self.page.locator(f'main [name="{name}"]')
            self._unfold(controls.first)
            kind = controls.first.get_attribute("type") or controls.first.evaluate("field => field.localName")
            if kind == "radio":
                self.page.locator(f'main [name="{name}"][value="{value}"]').check()
            elif kind == "select":
                controls.select_option(value)
            else:
                controls.fill(value)

    def value(self, name: str) -> str:
        """Return the value of a field."""
        return self.page.locator(f'main [name="{name}"]').input_value()

    def choose(self, provider: str) -> None:
        """Click the card of a provider and, without scripts, the button beside it."""
        card = self.page.locator(f'.provider-card:has([value="{provider}"])')
        if self.scripts:
            with self._next_page():
                card.click()
            self.check_page()
        else:
            card.click()
            self.press("choose")

    def close_dialog(self) -> None:
        """Close the result of a test send."""
        self.page.locator("dialog").get_by_role("button", name="Close").click()
        assert not self.page.locator("dialog").is_visible()

    def sign_out(self) -> None:
        """Open the user menu and sign out."""
        self.page.locator(".menu summary").click()
        self.check_page()
        self.press("Sign out")

    def press(self, button: str, check: bool = True) -> None:
        """Press the button with this name or label, wait for the next page, and check it."""
        named = self.page.locator(f'main button[name="{button}"]:not([aria-hidden])')
        # The dialog of a result may have a button of the same name before that of the page.
        found = named.last if named.count() else self.page.get_by_role("button", name=button, exact=True)
        with self._next_page():
            found.click()
        if check:
            self.check_page()

    def follow(self, text: str) -> None:
        """Follow the link with this text."""
        with self._next_page():
            self.page.get_by_role("link", name=text, exact=True).first.click()
        self.check_page()

    def sees(self, text: str) -> bool:
        """Return whether the page shows this text."""
        return text in self.page.locator("body").inner_text()

    def check_page(self) -> None:
        """Check the page in light and dark mode and, of a desktop, on a phone: accessibility, and whether it fits."""
        # axe is a script itself.
        if self.scripts:
            self.page.evaluate(AXE_SCRIPT)
        self._check_screen(self.name)
        if self.name == "desktop":
            size = self.page.viewport_size
            self.page.set_viewport_size(PHONE)
            self._check_screen("phone")
            self.page.set_viewport_size(size or PHONE)

    def _check_screen(self, name: str) -> None:
        rules = RULES.get(name, {}) if self.scripts else {}
        for scheme in SCHEMES if SHOTS else rules:
            self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            self._keep_picture(name, scheme)
            if scheme in rules:
                found = self.page.evaluate("rules => axe.run(rules)", rules[scheme])["violations"]
                self.complaints += [f"{self.page.url} {name} {scheme}: {_describe(violation)}" for violation in found]
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0:
            self.complaints.append(f"{self.page.url} {name}: {wide} pixels too wide")

    @contextmanager
    def _next_page(self) -> Iterator[None]:
        """Wait until another page has taken the place of the present one, and is loaded.

        Playwright deprecates `expect_navigation`: it takes the first event for the navigation, whichever it belongs to.
        """
        self.page.evaluate("document.documentElement.dataset.left = ''")
        yield
        self.page.locator("html:not([data-left])").wait_for(state="attached")
        self.page.wait_for_load_state()

    def _unfold(self, control: Locator) -> None:
        folded = control.locator("xpath=ancestor::details[not(@open)]")
        while folded.count():
            folded.first.locator("> summary").click()

    def _check_console(self, message: ConsoleMessage) -> None:
        # Responses with an error status are reported here too, but some tests expect them.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self.complaints.append(f"{self.page.url}: {message.text}")

    def _keep_picture(self, name: str, scheme: str) -> None:
        if SHOTS:
            title = self.page.title().partition(" – ")[0]
            number = len(list(Path(SHOTS).glob(f"*-{name}-{scheme}.png")))
            path = Path(SHOTS) / f"{number:02} {title}-{name}-{scheme}.png".replace("/", "-").replace(" ", "-")
            self.page.screenshot(path=path, full_page=not self.page.locator("dialog[open], .action-bar").count())


def _describe(violation: dict[str, Any]) -> str:
    places = "; ".join(f"{node['target']}: {node['failureSummary']}" for node in violation["nodes"])
    return f"{violation['id']} ({violation['help']}) at {places}"
