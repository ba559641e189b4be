"""The inbox of the demo: what it stores, and what its pages allow an email to do."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from tests.support.browser import Browser
from webapp.accounts.models import User, UserState
from webapp.core import clock
from webapp.core.config import Config
from webapp.core.database import Database
from webapp.core.errors import NotFound
from webapp.demo import accounts
from webapp.demo.inbox import MAX_EMAILS, Inbox

LINK = "http://127.0.0.1:8000/activate/abc"


@pytest.fixture
def config_values() -> dict[str, Any]:
    return {"demo": "on"}


@pytest.fixture
def inbox(config: Config) -> Inbox:
    return Inbox.for_instance(config)


def an_email(
    subject: str = "Welcome", html: str = f'<html><head></head><body><a href="{LINK}">go</a></body></html>'
) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@mailroom.example", "zoë@mailroom.example", subject
    message.set_content(f"Open {LINK}.\nOr {LINK}, once.\n")
    message.add_alternative(html, subtype="html")
    return message.as_bytes()


def test_the_newest_email_comes_first(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "inbox")
    for subject in ("first", "second"):
        inbox.add(an_email(subject))
    assert [one.header("Subject") for one in inbox.emails()] == ["second", "first"]


def test_emails_that_arrive_at_the_same_time_are_all_stored(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(inbox.add, [b"Subject: one of many\n\n"] * 40))
    assert len(inbox.numbers()) == 40


def test_the_oldest_emails_are_deleted(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    for _ in range(MAX_EMAILS + 2):
        inbox.add(b"Subject: many\n\n")
    assert inbox.numbers() == list(range(MAX_EMAILS + 2, 2, -1))


def test_an_email_that_does_not_exist_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Inbox(tmp_path).get(1)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no headers at all",
        b"Subject: =?nonsense?q?x?=\nDate: never\nTo: <<<,\nFrom: \xff\n\n\xff",
        b"Content-Type: text/html; charset=nonsense\n\n<p>x",
    ],
)
def test_a_malformed_email_can_be_read(tmp_path: Path, content: bytes) -> None:
    inbox = Inbox(tmp_path)
    inbox.add(content)
    assert len(inbox.emails()) == 1


def test_every_link_is_listed_once(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    inbox.add(an_email())
    assert inbox.get(1).links == [LINK]


@pytest.mark.one_database
def test_a_visitor_can_read_the_inbox(stranger: Browser, inbox: Inbox) -> None:
    inbox.add(an_email())
    page = stranger.get("/demo/inbox").text
    assert "Welcome" in page
    assert "/demo/inbox/1" in page
    page = stranger.get("/demo/inbox/1").text
    assert f'href="{LINK}"' in page
    assert "zoë@mailroom.example" in page


@pytest.mark.one_database
def test_who_got_a_copy_and_what_was_attached_is_shown(stranger: Browser, inbox: Inbox) -> None:
    message = EmailMessage()
    message["From"], message["To"] = "orders@shop.example", "ada@people.example"
    message.set_content("The invoice is attached.")
    message.add_attachment(b"%PDF" * 500, maintype="application", subtype="pdf", filename="invoice.pdf")
    inbox.add(message.as_bytes(policy=SMTP), ["bcc@people.example"])
    assert "bcc@people.example" in stranger.get("/demo/inbox").text
    page = stranger.get("/demo/inbox/1").text
    assert "bcc@people.example" in page
    assert "invoice.pdf</bdi> (2 kB)" in page


@pytest.mark.one_database
def test_an_email_is_framed_where_it_can_run_nothing(stranger: Browser, inbox: Inbox) -> None:
    inbox.add(an_email(html="<head></head><script>alert(1)</script>"))
    assert "frame-src 'self'" in stranger.get("/demo/inbox/1").headers["Content-Security-Policy"]
    framed = stranger.get("/demo/inbox/1/html")
    policy = framed.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "frame-ancestors 'self'", "sandbox allow-top-navigation-by-user-activation"} <= set(
        policy
    )
    assert framed.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert '<head><base target="_top">' in framed.text


@pytest.mark.one_database
def test_no_other_page_may_be_framed(stranger: Browser, inbox: Inbox) -> None:
    inbox.add(an_email())
    for path in ("/demo/inbox", "/demo/inbox/1", "/login"):
        answer = stranger.get(path)
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.one_database
def test_an_email_cannot_inject_html_into_the_page(stranger: Browser, inbox: Inbox) -> None:
    inbox.add(an_email(subject="<script>alert(1)</script>"))
    assert "<script>alert" not in stranger.get("/demo/inbox").text + stranger.get("/demo/inbox/1").text


@pytest.mark.one_database
@pytest.mark.parametrize(
    "change",
    [
        {"email_key": User.email_key + ".example"},
        {"password_changed_at": clock.now() + timedelta(hours=1)},
        {"state": UserState.DISABLED},
    ],
    ids=["address", "password", "state"],
)
def test_the_sign_in_page_lists_the_demo_accounts_that_still_work(
    stranger: Browser, database: Database, change: dict[str, Any]
) -> None:
    with database.transaction() as session:
        accounts.create(session)
    assert "sysadmin-demo" in stranger.get("/login").text
    with database.transaction() as session:
        session.execute(update(User).where(User.name == "System administrator").values(change))
        accounts.create(session)
    page = stranger.get("/login").text
    assert ("sysadmin-demo" in page, "person-demo" in page) == (False, True)


class TestWithoutTheDemo:
    """The configuration of a real installation."""

    @pytest.fixture
    def config_values(self) -> dict[str, Any]:
        return {}

    @pytest.mark.one_database
    def test_there_is_no_inbox(self, administrator: Browser) -> None:
        assert administrator.get("/demo/inbox").status_code == 404

    @pytest.mark.one_database
    def test_the_sign_in_page_lists_no_accounts(self, stranger: Browser) -> None:
        assert "sysadmin" not in stranger.get("/login").text
