"""Leading people back to the application that asked for their link."""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import time_machine
from sqlalchemy import delete, select, update

from tests.accounts.conftest import NEW_PASSWORD, Deliver, RunJobs
from tests.support.applications import add_application
from tests.support.browser import Browser
from tests.support.inbox import Inbox
from webapp.accounts import return_to
from webapp.accounts.links import service as links
from webapp.accounts.models import LinkPurpose, Role, User
from webapp.accounts.password_links import service
from webapp.accounts.return_to import ReturnTo, ReturnUrlNotAllowed
from webapp.applications.models import Application
from webapp.core import clock
from webapp.core.database import Database
from webapp.outbox.models import Message

URL = "https://shop.example/welcome?from=mail&x=1"
BUTTON = 'href="https://shop.example/welcome?from=mail&amp;x=1">Continue to <bdi>Shop &amp; Co</bdi></a>'
NEW = {"password": NEW_PASSWORD, "password_confirm": NEW_PASSWORD}
LATER = timedelta(days=10)

pytestmark = pytest.mark.one_database


@pytest.fixture
def shop(database: Database) -> Application:
    """An application that may lead people to its site."""
    return add_application(database, "Shop & Co", may_manage_users=True, return_urls=["https://shop.example"])


@pytest.fixture
def back(shop: Application) -> ReturnTo:
    """Where it wants them."""
    kept = return_to.allow(shop, URL)
    assert kept is not None
    return kept


@pytest.fixture
def mailed(pat: User, ada: User, back: ReturnTo, database: Database, inbox: Inbox, deliver: Deliver) -> None:
    """An activation email to Pat and a reset email to Ada, which the application asked for."""
    with database.transaction() as session:
        service.enqueue_activation(session, session.get_one(User, pat.id), back)
        service.enqueue_reset(session, session.get_one(User, ada.id), back)
    deliver()


def mail_to(inbox: Inbox, user: User) -> tuple[str, str]:
    """Return the path of the link and the code in the newest email to a user."""
    newest = [one for one in inbox.messages if one["To"] == user.email or user.email in str(one["To"])][-1]
    return urlsplit(newest.link).path, newest.code


@pytest.mark.usefixtures("mailed")
def test_the_next_step_after_activating_leads_back(stranger: Browser, pat: User, inbox: Inbox) -> None:
    stranger.get(mail_to(inbox, pat)[0])
    page = stranger.submit("/activate", **NEW)
    assert (page.request.path, "you&#39;re signed in" in page.text, BUTTON in page.text) == ("/continue", True, True)
    assert "This leads to <bdi>shop.example</bdi>." in page.text
    assert page.headers["Referrer-Policy"] == "same-origin"


@pytest.mark.usefixtures("mailed")
def test_the_next_step_after_a_reset_leads_back(stranger: Browser, ada: User, inbox: Inbox) -> None:
    stranger.get(mail_to(inbox, ada)[0])
    page = stranger.submit("/reset-password", **NEW)
    assert (page.request.path, "has been changed" in page.text, BUTTON in page.text) == ("/continue", True, True)
    assert 'href="/login"' in page.text


@pytest.mark.usefixtures("mailed")
def test_a_code_typed_on_another_device_leads_back(stranger: Browser, ada: User, inbox: Inbox) -> None:
    page = stranger.submit("/code", email=ada.email, code=mail_to(inbox, ada)[1])
    assert BUTTON in stranger.submit_on(page, **NEW).text


@pytest.mark.usefixtures("mailed")
def test_a_link_that_was_used_leads_back(stranger: Browser, pat: User, inbox: Inbox) -> None:
    path, _code = mail_to(inbox, pat)
    stranger.get(path)
    stranger.submit("/activate", **NEW)
    assert BUTTON in stranger.get(path).text


@pytest.mark.usefixtures("mailed")
def test_the_page_leads_back_while_somebody_else_stays_signed_in(member: Browser, ada: User, inbox: Inbox) -> None:
    member.get(mail_to(inbox, ada)[0])
    page = member.submit("/reset-password", **NEW)
    assert ("still signed in to a different account" in page.text, BUTTON in page.text) == (True, True)


def ask_on_the_expired_page(stranger: Browser, _administrator: Browser, _pat: User, _message_id: int) -> None:
    stranger.post("/activate/again")


def ask_on_the_users_page(_stranger: Browser, administrator: Browser, pat: User, _message_id: int) -> None:
    administrator.post(f"/users/{pat.id}/resend")


def resend_in_bulk(_stranger: Browser, administrator: Browser, _pat: User, _message_id: int) -> None:
    administrator.submit("/users/resend?search=pat", search="pat")


def send_again_in_the_outbox(_stranger: Browser, administrator: Browser, _pat: User, message_id: int) -> None:
    administrator.submit(f"/outbox/{message_id}", "resend")


@pytest.mark.usefixtures("mailed")
@pytest.mark.parametrize(
    "ask", [ask_on_the_expired_page, ask_on_the_users_page, resend_in_bulk, send_again_in_the_outbox]
)
def test_another_email_in_place_of_one_leads_back_too(
    ask: Callable[[Browser, Browser, User, int], None],
    stranger: Browser,
    administrator: Browser,
    pat: User,
    inbox: Inbox,
    database: Database,
    deliver: Deliver,
    run_jobs: RunJobs,
) -> None:
    first, _code = mail_to(inbox, pat)
    stranger.get(first)
    with database.read() as session:
        sent = session.scalar(select(Message.id).where(Message.kind == "activation"))
    with time_machine.travel(clock.now() + LATER):
        administrator.start_session()
        ask(stranger, administrator, pat, sent or 0)
        run_jobs()
        deliver()
        second, _code = mail_to(inbox, pat)
        assert second != first
        stranger.get(second)
        assert BUTTON in stranger.submit("/activate", **NEW).text


def test_of_two_applications_each_gets_people_back_from_its_own_link(
    stranger: Browser, pat: User, back: ReturnTo, database: Database, inbox: Inbox, deliver: Deliver
) -> None:
    other = {**back, "url": "https://shop.example/other"}
    with database.transaction() as session:
        first, _second = (
            links.create(session, pat, LinkPurpose.ACTIVATION, clock.now(), return_to=kept) for kept in (back, other)
        )
    stranger.get(f"/activate/{first}")
    stranger.post("/activate/again")
    deliver()
    stranger.get(mail_to(inbox, pat)[0])
    assert BUTTON in stranger.submit("/activate", **NEW).text


@pytest.mark.usefixtures("mailed")
@pytest.mark.parametrize(("whose", "leads_back"), [("ada", True), ("max", False)])
def test_a_reset_requested_for_an_expired_link_leads_back_if_it_is_the_same_persons(
    whose: str, leads_back: bool, stranger: Browser, member: Browser, ada: User, inbox: Inbox, deliver: Deliver
) -> None:
    asking = ada if whose == "ada" else member.user
    stranger.get(mail_to(inbox, ada)[0])
    with time_machine.travel(clock.now() + LATER):
        stranger.submit("/forgot-password", email=asking.email)
        deliver()
        stranger.get(mail_to(inbox, asking)[0])
        assert (BUTTON in stranger.submit("/reset-password", **NEW).text) == leads_back


@pytest.mark.usefixtures("mailed")
@pytest.mark.parametrize(
    "change",
    [
        update(Application).values(disabled_at=clock.now()),
        update(Application).values(return_urls=["https://shop.example/other"]),
        update(User).values(role=Role.ADMINISTRATOR),
        delete(Application),
    ],
    ids=["disabled", "other URLs", "administrator", "deleted"],
)
def test_nobody_is_led_where_they_may_not_be_led_any_more(
    change: object, stranger: Browser, pat: User, inbox: Inbox, database: Database
) -> None:
    with database.transaction() as session:
        session.execute(change)  # type: ignore[call-overload]
    stranger.get(mail_to(inbox, pat)[0])
    page = stranger.submit("/activate", **NEW)
    assert (page.request.path, "shop.example" in page.text) == ("/", False)


def test_without_a_link_there_is_nowhere_to_continue(stranger: Browser) -> None:
    assert stranger.get("/continue").request.path == "/login"


@pytest.mark.parametrize("url", ["https://shop.example.evil.com/", "https://evil.com/shop.example"])
def test_an_application_leads_nobody_elsewhere(shop: Application, url: str) -> None:
    with pytest.raises(ReturnUrlNotAllowed, match=r"https://shop\.example"):
        return_to.allow(shop, url)
    assert return_to.allow(shop, "") is None
