"""The page of the audit trail, and its download."""

import csv
import io
from collections.abc import Callable
from contextvars import Context

import pytest
from sqlalchemy import text

from tests.support.browser import Browser
from tests.support.users import add_user
from webapp.accounts.users import administration as users
from webapp.audit.audit_events import TRAIL_DOWNLOADED
from webapp.audit.models import AuditEntry
from webapp.audit.registry import EventType
from webapp.core import clock
from webapp.core.actor import Actor, set_actor
from webapp.core.database import Database
from webapp.mail.audit_events import MAIL_SERVER_SAVED

AddEntry = Callable[..., int]
LastEntry = Callable[[EventType], AuditEntry]

pytestmark = pytest.mark.one_database


def test_an_entry_is_described(administrator: Browser, add_entry: AddEntry) -> None:
    user_agent = "Mozilla/5.0 (Windows NT 10.0) Gecko/20100101 Firefox/130.0"
    origin = {"ip_address": "192.0.2.7", "user_agent": user_agent}
    add_entry(MAIL_SERVER_SAVED, actor_email="eve@example.com", data={"changed": ["host", "password"]}, **origin)
    page = administrator.get("/audit?ip_address=192.0.2.7").text
    for expected in ("Mail server saved", "Changed: Host and Password.", "eve@example.com", "Firefox on Windows"):
        assert expected in page


def test_an_entry_names_the_application_that_acted(administrator: Browser, database: Database, member: Browser) -> None:
    def act() -> None:
        set_actor(Actor(ip_address="192.0.2.7", user_agent="curl", application="Shop"))
        with database.transaction() as session:
            users.disable(session, member.user.id, None)

    Context().run(act)
    page = administrator.get("/audit?ip_address=192.0.2.7").text
    for expected in ("Account disabled", "By the application Shop.", ">Application<"):
        assert expected in page


def test_the_link_to_older_entries_keeps_the_filter(administrator: Browser, add_entry: AddEntry) -> None:
    ids = [add_entry(ip_address="192.0.2.7") for _ in range(51)]
    page = administrator.get("/audit?ip_address=192.0.2.7").text
    assert f"/audit?before={ids[1]}&amp;ip_address=192.0.2.7" in page


def test_a_users_page_links_to_their_entries(administrator: Browser, database: Database) -> None:
    user_id = add_user(database, "max@mailroom.example")
    administrator.post(f"/users/{user_id}/name", name="Maximilian")
    assert "/audit?person=max@mailroom.example" in administrator.get(f"/users/{user_id}").text
    assert "Name changed" in administrator.get("/audit?person=max@mailroom.example").text


ANSWERS = [
    ("event=flown+away", "Choose an event from the list."),
    ("since=yesterday", "Enter a date such as 2026-11-23."),
    ("since=2026-02-02&until=2026-02-01", "This date is before the start date."),
    ("person=a%00b", "invisible character"),
    (f"ip_address={'1' * 2001}", "Too long"),
    ("ip_address=203.0.113.99", "No matches."),
    ("until=9999-12-31&before=4711", "There are no older entries."),
    ("since=0001-01-01&before=x", "Signed in"),
]


def test_each_filter_has_an_answer(administrator: Browser) -> None:
    for query, expected in ANSWERS:
        page = administrator.get(f"/audit?{query}")
        assert page.status_code == 200
        assert expected in page.text


def test_the_download_holds_all_that_the_filter_shows(administrator: Browser, add_entry: AddEntry) -> None:
    for number in range(60):
        add_entry(ip_address="192.0.2.7", subject_id=number, data={"role": "member"})
    add_entry(ip_address="192.0.2.8")
    answer = administrator.get("/audit.csv?ip_address=192.0.2.7")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"), newline="")))
    assert [row["subject_id"] for row in rows] == [str(number) for number in range(59, -1, -1)]
    assert (rows[0]["time"], rows[0]["data"]) == ("2026-11-22T12:00:00.000Z", '{"role": "member"}')
    assert answer.text.startswith("\ufefftime,event,subject,subject_id,actor,actor_id,ip_address,user_agent,data\r\n")
    assert answer.mimetype == "text/csv"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="audit-20')


def test_a_download_is_recorded(administrator: Browser, last_entry: LastEntry) -> None:
    administrator.get("/audit.csv?event=session.started&person=max@mailroom.example")
    entry = last_entry(TRAIL_DOWNLOADED)
    assert (entry.actor_email, entry.subject_email) == (administrator.user.email, "max@mailroom.example")
    assert entry.data == {"filtered": ["event", "person"]}


def test_an_invalid_filter_leads_to_the_page_that_says_so(administrator: Browser) -> None:
    assert "Enter a date such as 2026-11-23." in administrator.get("/audit.csv?since=yesterday").text


def test_an_entry_whose_data_cannot_be_read_hides_no_other(administrator: Browser, database: Database) -> None:
    broken = "INSERT INTO audit_entries (happened_at, event, actor_email, subject_email, ip_address, user_agent, data)"
    with database.transaction() as session:
        session.execute(
            text(broken + " VALUES (:now, 'broken.event', '', '', '', '', '{')"),
            {"now": clock.now().replace(tzinfo=None)},
        )
    for path in ("/audit", "/audit.csv"):
        assert "broken.event" in administrator.get(path).text
