"""The page of the trail, and the file."""

import csv
import io
from collections.abc import Callable

import pytest

from tests.support.browser import Browser
from tests.support.people import add_person
from webapp.audit import events as audit_events
from webapp.audit import registry
from webapp.audit.export import escape_formula
from webapp.audit.models import AuditEntry
from webapp.audit.registry import EventType
from webapp.core.database import Database
from webapp.mail import events as mail_events
from webapp.mail.models import MailServer
from webapp.mail.servers import CLIENT_SECRETS
from webapp.mail.service import CERTIFICATE_COLUMNS

Happened = Callable[..., int]
Told = Callable[[EventType], AuditEntry]

pytestmark = pytest.mark.one_database


def rows(answer: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer, newline="")))


def test_an_entry_is_told_in_words(administrator: Browser, happened: Happened) -> None:
    browser = "Mozilla/5.0 (Windows NT 10.0) Gecko/20100101 Firefox/130.0"
    happened(mail_events.MAIL_SERVER_SAVED, by_email="eve@example.com", client="192.0.2.7", device=browser,
             facts={"changed": ["host", "password"]})  # fmt: skip
    page = administrator.get("/audit?client=192.0.2.7").text
    for words in ("Mail server saved", "Changed: Host and Password.", "eve@example.com", "Firefox on Windows"):
        assert words in page


def test_unknown_events_and_data_are_shown_as_they_are(administrator: Browser) -> None:
    with administrator.app.test_request_context():
        label = registry.event_label("grown wings")
        told = registry.describe({"colour": "red", "provider": "gone", "grant_type": "given up"})
    assert (label, told) == (
        "grown wings",
        ["colour: red", "Provider: gone.", "Authentication: given up."],
    )


def test_every_fact_is_a_sentence(administrator: Browser) -> None:
    given = {"minutes": 15, "everywhere": True, "passed": False, "stage": "auth", "purpose": "reset", "changed": [],
             "provider": "office365", "grant_type": "service_account"}  # fmt: skip
    with administrator.app.test_request_context():
        assert registry.describe(given) == [
            "For 15 minutes.",
            "From all IP addresses.",
            "It failed.",
            "Stage: Sign in.",
            "Purpose: reset the password.",
            "Nothing was changed.",
            "Provider: Office 365.",
            "Authentication: OAuth2: service account with a key file.",
        ]


def test_every_setting_of_a_mail_server_has_words() -> None:
    own = {column.key for column in MailServer.__table__.columns} - {"id", "position", "extra", "secrets"}
    assert own - {"updated_at", "updated_by", *CERTIFICATE_COLUMNS} | set(CLIENT_SECRETS) <= set(
        mail_events.FIELD_LABELS
    )


def test_a_page_leads_to_older_entries_with_the_same_filter(administrator: Browser, happened: Happened) -> None:
    ids = [happened(client="192.0.2.7") for _ in range(51)]
    assert f"/audit?before={ids[1]}&amp;client=192.0.2.7" in administrator.get("/audit?client=192.0.2.7").text


def test_a_persons_page_leads_to_their_entries(administrator: Browser, database: Database) -> None:
    user_id = add_person(database, "max@mailroom.example")
    administrator.post(f"/users/{user_id}/name", name="Maximilian")
    assert "/audit?person=max@mailroom.example" in administrator.get(f"/users/{user_id}").text
    assert "Name changed" in administrator.get("/audit?person=max@mailroom.example").text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("event=flown+away", "Choose an event from the list."),
        ("since=yesterday", "This is not a day"),
        ("since=2026-02-02&until=2026-02-01", "This date is before the start date."),
        ("person=a%00b", "Line breaks and control characters"),
        (f"client={'1' * 65}", "Too long."),
        ("client=203.0.113.99", "Nothing fits this filter."),
        ("until=9999-12-31&before=4711", "There are no older entries."),
        ("since=0001-01-01&before=x", "Signed in"),
    ],
)
def test_each_filter_has_an_answer(administrator: Browser, query: str, words: str) -> None:
    page = administrator.get(f"/audit?{query}")
    assert (page.status_code, words in page.text) == (200, True)


def test_the_file_holds_all_that_the_filter_shows(administrator: Browser, happened: Happened) -> None:
    for number in range(60):
        happened(client="192.0.2.7", person_id=number, facts={"role": "member"})
    happened(client="192.0.2.8")
    answer = administrator.get("/audit.csv?client=192.0.2.7")
    found = rows(answer.text)
    assert [row["person_id"] for row in found] == [str(number) for number in range(59, -1, -1)]
    assert (found[0]["time"], found[0]["facts"]) == ("2026-11-22T12:00:00.000Z", '{"role": "member"}')
    assert answer.text.startswith("time,event,person,person_id,by,by_id,client,device,facts\r\n")
    assert (answer.mimetype, answer.headers["Content-Disposition"].partition("audit-20")[1]) == ("text/csv", "audit-20")


def test_taking_the_file_is_an_entry_itself(administrator: Browser, told: Told) -> None:
    administrator.get("/audit.csv?event=session.started&person=max@mailroom.example")
    entry = told(audit_events.TRAIL_DOWNLOADED)
    assert (entry.by_email, entry.person_email) == (administrator.user.email, "max@mailroom.example")
    assert entry.facts == {"filtered": ["event", "person"]}


def test_a_filter_that_is_wrong_gives_no_file(administrator: Browser) -> None:
    assert "This is not a day" in administrator.get("/audit.csv?since=yesterday").text


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t1", "\r1", "\uff1d1"])
def test_no_cell_is_a_formula(cell: str) -> None:
    assert escape_formula(cell) == f"'{cell}"


@pytest.mark.parametrize("before", ["Mozilla;", "Mozilla; ", 'a;"', 'a; "" ', "a|", "a\t", "a\r\n", ";;"])
def test_no_part_of_a_cell_is_a_formula_where_other_separators_are_used(before: str) -> None:
    assert escape_formula(f"{before}=cmd|'/C calc'!A0;-x") == f"{before}'=cmd|'/C calc'!A0;'-x"


def test_a_text_that_is_none_stays_as_it_is() -> None:
    for text in ("ada=lovelace@example.com", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"):
        assert escape_formula(text) == text
