"""The pages of applications."""

import re
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import text

from tests.support.applications import IDENTIFIER, SECRET, add_application
from tests.support.browser import Browser
from webapp.applications import service
from webapp.applications.credentials import InvalidCredentials, authenticate
from webapp.applications.models import Application
from webapp.applications.usage import REFUSALS
from webapp.core import clock, counts
from webapp.core.app_state import AppState
from webapp.core.counts import Counted
from webapp.core.database import Database
from webapp.settings.service import content_days

PAGE, NEW, ONE = "/settings/applications", "/settings/applications/new", "/settings/applications/1"

pytestmark = pytest.mark.one_database


def shown_secret(page: str) -> str:
    """Return the secret that a page shows, if it does."""
    found = re.search(r'value="(mrs_[^"]+)"', page)
    return found[1] if found else ""


def saved(database: Database) -> Application:
    """Return the application as it is in the database."""
    with database.read() as session:
        return service.get(session, 1)


def test_a_new_applications_secret_is_shown_once_and_works(administrator: Browser, database: Database) -> None:
    assert "No applications yet." in administrator.get(PAGE).text
    page = administrator.submit(NEW, name="Shop", allowed_senders="shop.example\r\n\r\nada@people.example").text
    secret = shown_secret(page)
    application = authenticate(database, secret, "192.0.2.7")
    assert (application.may_send, application.allowed_senders) == (True, ["shop.example", "ada@people.example"])
    assert f'value="{application.identifier}"' in page
    assert f"Bearer {secret}" in page
    assert secret not in administrator.get(ONE).text
    assert "Shop" in administrator.get(PAGE).text


def test_what_is_entered_wrongly_is_kept_with_its_error(administrator: Browser, database: Database) -> None:
    add_application(database)
    page = administrator.submit(NEW, name="shop", networks="10.0.0.1/8\nhere", messages_per_hour="many").text
    for expected in (
        "is an address in the network 10.0.0.0/8.",
        "10.0.0.1/8\nhere",
        'value="many"',
        "from 1 to 1000000",
    ):
        assert expected in page
    page = administrator.submit(NEW, name="shop").text
    assert "Another application has this name." in page
    assert len(administrator.get(PAGE).text.split('/settings/applications/1"')) == 2


def test_a_change_is_saved_and_named_in_the_audit_trail(administrator: Browser, database: Database) -> None:
    add_application(database)
    page = administrator.submit(ONE, may_manage_users=True, networks="10.0.0.7", trusts_networks=True).text
    assert "Saved." in page
    assert saved(database).networks == ["10.0.0.7/32"]
    audit = administrator.get("/audit?event=application.changed").text
    assert "Application: Shop." in audit
    assert "Changed: Manage users, Networks and Accept email from these networks without a secret." in audit
    assert "It may: send email, manage users." in audit


def test_a_form_that_somebody_overtook_saves_nothing_until_it_is_sent_again(
    administrator: Browser, database: Database
) -> None:
    add_application(database)
    page = administrator.get(ONE)
    administrator.submit(ONE, name="Store")
    page = administrator.submit_on(page, name="Market")
    assert "Someone saved these settings while you were editing" in page.text
    assert saved(database).name == "Store"
    administrator.submit_on(page, name="Market")
    assert saved(database).name == "Market"


def test_a_new_secret_is_shown_once_and_ends_the_previous_one(administrator: Browser, database: Database) -> None:
    add_application(database)
    page = administrator.submit(f"{ONE}/secret", button="sure", overlap="1").text
    assert authenticate(database, shown_secret(page), "192.0.2.7")
    assert authenticate(database, SECRET, "192.0.2.7")
    assert "The previous secret is valid until" in administrator.get("/audit?event=application.secret_created").text
    page = administrator.get(ONE).text
    assert "Valid until" in page
    assert not shown_secret(page)
    assert "stops working at once." in administrator.get(f"{ONE}/secret").text
    with time_machine.travel(clock.now() + timedelta(hours=1)), pytest.raises(InvalidCredentials):
        authenticate(database, SECRET, "192.0.2.7")


def test_an_application_is_disabled_enabled_and_deleted(administrator: Browser, database: Database) -> None:
    add_application(database)
    assert "Emails that were accepted from it before are still sent." in administrator.get(f"{ONE}/disable").text
    assert "Disabled." in administrator.submit(f"{ONE}/disable", button="sure").text
    administrator.post(f"{ONE}/enable")
    assert saved(database).disabled_at is None
    assert "still sent, and stay in the outbox." in administrator.get(f"{ONE}/delete").text
    assert "No applications yet." in administrator.submit(f"{ONE}/delete", button="sure").text
    assert administrator.get(ONE).status_code == 404


def test_how_long_content_is_kept_is_saved(administrator: Browser, database: Database) -> None:
    assert "Saved." in administrator.submit(PAGE, content_days="7").text
    with database.read() as session:
        assert content_days(session) == 7
    page = administrator.submit(PAGE, content_days="1000").text
    assert "from 0 to 365" in page
    assert 'value="1000"' in page


def test_refusals_are_shown_with_their_reasons(administrator: Browser, database: Database) -> None:
    shop = add_application(database)
    with database.transaction() as session:
        amounts = {"sender": 3, "hourly_limit": 12, "syntax": 1}
        counts.add(session, clock.now(), {Counted(REFUSALS, one, str(shop.id)): n for one, n in amounts.items()})
        counts.add(session, clock.now() - timedelta(days=31), {Counted(REFUSALS, "size", str(shop.id)): 5})
        counts.add(session, clock.now(), {Counted(REFUSALS, "size", "2"): 5})
    page = administrator.get(ONE).text
    assert page.index("The limit of messages per hour") < page.index("The sender isn")
    assert "too large" not in page


def test_markup_in_a_name_is_text(administrator: Browser, database: Database) -> None:
    add_application(database, "<script>alert(1)</script> & Co")
    for path in (PAGE, ONE, f"{ONE}/delete"):
        page = administrator.get(path).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Co" in page


def test_the_password_is_asked_for_again(administrator: Browser, database: Database) -> None:
    with time_machine.travel(clock.now() + timedelta(minutes=16)):
        assert "/confirm" in administrator.get(NEW, follow=False).headers["Location"]


def test_a_secret_is_nowhere_but_on_the_page_that_shows_it(
    app: Flask, state: AppState, administrator: Browser, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = shown_secret(administrator.submit(NEW, name="Shop").text)
    renewed = shown_secret(administrator.submit(f"{ONE}/secret", button="sure").text)
    with pytest.raises(InvalidCredentials):
        authenticate(state.database, f"{renewed}x", "192.0.2.7", identifier=renewed)
    captured = capsys.readouterr()
    with state.database.read() as session:
        tables = session.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
        rows = [str(session.execute(text(f"SELECT * FROM {table}")).all()) for table in tables]
    seen = "\n".join([captured.out, captured.err, *rows, administrator.get("/audit.csv").text])
    assert IDENTIFIER[:4] in seen
    for one in (secret, renewed):
        assert one[4:] not in seen
