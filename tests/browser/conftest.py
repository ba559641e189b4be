"""A real Chromium, a real installation, and somebody who uses it."""

import logging
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, BrowserContext, ViewportSize, sync_playwright

from tests.browser.serving import Site, running_site
from tests.browser.walker import Walker
from tests.support.browser import PASSWORD
from tests.support.certificates import Authority
from tests.support.chromium import ARGUMENTS, PAGE_TIMEOUT, executable
from tests.support.dns_server import NameServer
from tests.support.inbox import Inbox, running_inbox
from tests.support.users import add_user
from webapp import create_app
from webapp.accounts.models import Role
from webapp.core.app_state import EXTENSION, AppState
from webapp.core.config import Config

ADA = "ada.lovelace@mailroom.example"
# Only the pages: no updates and no other connections.
QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


class Screen(NamedTuple):
    """A screen size, with or without scripts."""

    name: str
    width: int
    height: int
    scripts: bool


DESKTOP = Screen("desktop", 1280, 900, scripts=True)
PHONE = Screen("phone", 390, 844, scripts=True)
BARE_DESKTOP = Screen("desktop-without-scripts", 1280, 900, scripts=False)
BARE_PHONE = Screen("phone-without-scripts", 390, 844, scripts=False)
WITHOUT_SCRIPTS_TOO = pytest.mark.parametrize(
    "walker", [DESKTOP, BARE_PHONE], indirect=True, ids=lambda screen: screen.name
)


@pytest.fixture(scope="package")
def mail_server(authority: Authority) -> Iterator[Inbox]:
    """A mail server with STARTTLS and authentication, not set up in any installation yet."""
    with running_inbox(authority) as inbox:
        yield inbox


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The browser of all tests."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=[*ARGUMENTS, *QUIET])
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def name_server() -> Iterator[NameServer]:
    """The DNS that the installation asks. Tests add what they need to its zones."""
    with NameServer({}) as server:
        yield server


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory, name_server: NameServer) -> Iterator[Site]:
    """The installation of all tests: starting one takes longer than most tests."""
    with running_site(tmp_path_factory.mktemp("site"), name_server.setting) as site:
        yield site


@pytest.fixture
def site(running: Site) -> Site:
    """A fresh installation."""
    running.start_over()
    return running


@pytest.fixture(scope="package")
def inside(running: Site) -> Iterator[AppState]:
    """The installation's state, for setting up what needs no browser. Request `site` as well."""
    handlers = logging.getLogger().handlers[:]
    state: AppState = create_app(Config.complete(instance=running.instance)).extensions[EXTENSION]
    yield state
    state.database.engine.dispose()
    logging.getLogger().handlers = handlers


@pytest.fixture
def walker(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[Walker]:
    """Somebody at a browser, on a desktop unless the test wants another screen."""
    screen: Screen = getattr(request, "param", DESKTOP)
    contexts: list[BrowserContext] = []

    def new_context() -> BrowserContext:
        size = ViewportSize(width=screen.width, height=screen.height)
        contexts.append(chromium.new_context(viewport=size, java_script_enabled=screen.scripts, locale="en-GB"))
        contexts[-1].set_default_timeout(PAGE_TIMEOUT)
        return contexts[-1]

    yield Walker(screen.name, new_context, screen.scripts)
    for context in contexts:
        context.close()


@pytest.fixture
def visitor(walker: Walker, site: Site, inside: AppState) -> Walker:
    """The administrator Ada, signed in."""
    add_user(inside.database, ADA, Role.ADMINISTRATOR)
    walker.open(f"{site.url}/login")
    walker.fill(email=ADA, password=PASSWORD)
    walker.press("Sign in")
    return walker
