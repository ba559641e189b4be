"""Setting up OAuth2 as the guide says, in a real browser: authorizing at Google and Microsoft, and sending email.

The providers' own URLs are used; a proxy leads them to servers on this machine.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, ViewportSize

from tests.browser.conftest import BARE_DESKTOP, DESKTOP, PHONE, Screen
from tests.browser.serving import Site
from tests.browser.walker import Walker
from tests.support.authorization import CLIENT_ID, CLIENT_SECRET, AuthorizationServer, running_provider
from tests.support.certificates import Authority
from tests.support.chromium import PAGE_TIMEOUT
from tests.support.inbox import PASSWORD as MAIL_PASSWORD
from tests.support.inbox import USERNAME, Inbox, Mail
from tests.support.proxies import Internet
from tests.support.token_inbox import TokenInbox, running_token_inbox

PASSWORD = "the first long sentence 7"
TENANT = "0f1e2d3c-0000-4000-8000-000000000000"
MAILBOX = "mailroom@mailroom.example"


@dataclass(frozen=True)
class Service:
    """A provider, and the local servers that play its parts."""

    internet: Internet
    provider: AuthorizationServer
    inbox: TokenInbox


@contextmanager
def service(authority: Authority, logins: list[str], mail: tuple[str, int, str], scope: str) -> Iterator[Service]:
    """Run the hosts where people and applications sign in, and the one that accepts email."""
    host, port, security = mail
    with (
        running_provider(authority.server(*logins)) as provider,
        running_token_inbox(authority, provider, security, ("XOAUTH2",), (host,)) as inbox,  # type: ignore[arg-type]
        Internet() as internet,
    ):
        provider.asks = True
        provider.answers = {"scope": scope}
        signed_in = int(provider.url.rpartition(":")[2])
        internet.servers = {f"{host}:{port}": inbox.port, **{f"{login}:443": signed_in for login in logins}}
        yield Service(internet, provider, inbox)


@pytest.fixture
def google(authority: Authority) -> Iterator[Service]:
    """Gmail."""
    hosts = ["accounts.google.com", "oauth2.googleapis.com"]
    with service(authority, hosts, ("smtp.gmail.com", 465, "tls"), "https://mail.google.com/ openid") as found:
        found.provider.issuer = "https://accounts.google.com"
        yield found


@pytest.fixture
def microsoft(authority: Authority) -> Iterator[Service]:
    """Microsoft 365."""
    scope = "https://outlook.office.com/SMTP.Send"
    hosts = ["login.microsoftonline.com"]
    with service(authority, hosts, ("smtp.office365.com", 587, "starttls"), scope) as found:
        found.provider.issuer = f"https://login.microsoftonline.com/{TENANT}/v2.0"
        yield found


@pytest.fixture
def behind(chromium: Browser) -> Iterator[Callable[[Internet, Screen], Walker]]:
    """Open browsers that reach the internet through this proxy."""
    contexts: list[BrowserContext] = []

    def walker(internet: Internet, screen: Screen) -> Walker:
        def new_context() -> BrowserContext:
            contexts.append(chromium.new_context(
                viewport=ViewportSize(width=screen.width, height=screen.height),
                java_script_enabled=screen.scripts,
                locale="en-GB",
                ignore_https_errors=True,
                proxy={"server": f"http://127.0.0.1:{internet.port}", "bypass": "127.0.0.1"},
            ))  # fmt: skip
            contexts[-1].set_default_timeout(PAGE_TIMEOUT)
            return contexts[-1]

        return Walker(screen.name, new_context, screen.scripts)

    yield walker
    for context in contexts:
        context.close()


def test_gmail_is_set_up_as_the_guide_says(
    google: Service, behind: Callable[[Internet, Screen], Walker], site: Site
) -> None:
    walker = behind(google.internet, DESKTOP)
    start(walker, site)
    fill_in(walker, google, "google")
    decline(walker)
    allow(walker)
    send(walker, google)
    assert files_with(site, google.provider.secrets) == []
    assert walker.complaints == []


def test_office_365_is_set_up_as_the_guide_says(
    microsoft: Service, behind: Callable[[Internet, Screen], Walker], site: Site
) -> None:
    walker = behind(microsoft.internet, BARE_DESKTOP)
    start(walker, site)
    fill_in(walker, microsoft, "office365", tenant_id=TENANT)
    allow(walker)
    send(walker, microsoft)
    change_the_client(walker)
    assert walker.complaints == []


def test_the_server_in_use_sends_until_the_draft_replaces_it(
    google: Service, behind: Callable[[Internet, Screen], Walker], site: Site, mail_server: Inbox
) -> None:
    walker = behind(google.internet, PHONE)
    start(walker, site)
    use_a_password(walker, mail_server)
    fill_in(walker, google, "google")
    assert walker.sees("The settings below are a draft")
    draft = walker.page.url
    walker.open(f"{site.url}/settings/mail")
    assert walker.sees("localhost:")
    walker.follow("Open the draft")
    allow(walker)
    assert walker.page.url == draft
    assert invite(walker, site, mail_server).username == USERNAME
    walker.open(draft)
    send(walker, google)
    walker.press("save")
    assert walker.sees("Saved and in use.")
    assert invite(walker, site, google.inbox).username == MAILBOX
    assert walker.complaints == []


def use_a_password(walker: Walker, mail_server: Inbox) -> None:
    """Save a mail server that works, and look at the fields of a proxy."""
    walker.fill(mail_from=MAILBOX, host="localhost", port=str(mail_server.port), username=USERNAME)
    walker.fill(password=MAIL_PASSWORD, proxy_type="none")
    assert not walker.sees("Proxy host")
    walker.fill(proxy_type="http")
    assert walker.sees("Proxy host")
    walker.fill(proxy_type="none")
    walker.press("save")
    assert walker.sees("Saved and in use.")


def invite(walker: Walker, site: Site, inbox: Inbox) -> Mail:
    """Create a user, whose email this server gets."""
    before = len(inbox.messages)
    walker.open(f"{site.url}/users/new")
    walker.fill(email=f"{uuid4().hex[:8]}@people.example", name="Eve", send_activation="mail")
    walker.press("Create")
    return inbox.wait(before + 1)[-1]


def files_with(site: Site, secrets: list[str]) -> list[str]:
    """List the files of the installation, including logs and database, that contain one of these secrets."""
    assert len(secrets) >= 4
    files = [path for path in site.instance.parent.rglob("*") if path.is_file()]
    assert files
    encoded = [secret.encode() for secret in (*secrets, CLIENT_SECRET)]
    return [path.name for path in files if any(secret in path.read_bytes() for secret in encoded)]


def start(walker: Walker, site: Site) -> None:
    """Create the administrator and open the form."""
    walker.open(site.setup_url, check=False)
    walker.fill(email="ada@mailroom.example", name="Ada", password=PASSWORD, password_confirm=PASSWORD)
    walker.fill(public_url=site.url)
    walker.press("Create and sign in", check=False)
    walker.open(f"{site.url}/settings/mail", check=False)


def fill_in(walker: Walker, service: Service, provider: str, **more: str) -> None:
    """Choose the provider and OAuth2, enter the client, and save."""
    walker.choose(provider)
    walker.fill(mail_from=MAILBOX, authentication="authorization_code", username=MAILBOX)
    assert walker.page.locator("#redirect-uri").input_value().endswith("/settings/mail/oauth/callback")
    walker.fill(client_id=CLIENT_ID, client_secret=CLIENT_SECRET, **more)
    walker.fill(proxy_type="http", proxy_host="127.0.0.1", proxy_port=str(service.internet.port))
    walker.press("save")
    assert walker.sees("Access token status: Not generated")


def decline(walker: Walker) -> None:
    """Decline at the provider."""
    walker.press("generate", check=False)
    walker.press("Cancel")
    assert walker.sees("add the account as a test user")
    assert walker.sees("Access token status: Not generated")


def allow(walker: Walker) -> None:
    """Consent at the provider."""
    walker.press("generate", check=False)
    assert walker.sees("Mailroom wants to send email as you.")
    walker.press("Allow")
    assert walker.sees("Access token status: Generated")
    assert "code=" not in walker.page.url


def send(walker: Walker, service: Service) -> None:
    """Send a test email, which the mail server accepts for the provider's token."""
    walker.fill(test_recipient="eve@mailroom.example")
    walker.press("test")
    assert walker.sees("The test email was sent to eve@mailroom.example")
    assert service.inbox.last.rcpt_to == ["eve@mailroom.example"]
    assert service.inbox.last.username == MAILBOX
    walker.close_dialog()


def change_the_client(walker: Walker) -> None:
    """Change the client that the access token was issued for."""
    assert walker.sees("need a new access token")
    walker.fill(client_id="another", client_secret=CLIENT_SECRET)
    walker.press("save")
    assert walker.sees("Saved as a draft.")
    assert walker.sees("Access token status: Not generated")
