"""The pages of an import: file, preview, progress, report."""

import re

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.accounts.conftest import RunJobs
from tests.accounts.imports.conftest import People
from tests.support.browser import Browser
from tests.support.users import add_user
from webapp.accounts.bulk_jobs import service as bulk_jobs
from webapp.accounts.models import Role
from webapp.audit.models import AuditEntry
from webapp.core.app_state import app_state_of
from webapp.core.config import MAX_REQUEST_SIZE, MAX_UPLOAD_SIZE
from webapp.core.database import Database

pytestmark = pytest.mark.one_database

FILE = "E-Mail;Name\nada@example.com;Ada\n=1+1;Eve\nada@example.com;Ada\n"


def upload(administrator: Browser, file: bytes, name: str = "people.csv") -> TestResponse:
    """Upload a file, and return the preview."""
    return send(administrator, file, name, administrator.csrf_token())


def send(browser: Browser, file: bytes, name: str = "people.csv", token: str = "") -> TestResponse:
    """Send a file as browsers do; the test client would leave a large one open."""
    part = '--x\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n'.format
    body = part("csrf_token", "").encode() + token.encode() + b"\r\n" + part("file", f'; filename="{name}"').encode()
    return browser.client.post(
        "/users/import",
        data=body + file + b"\r\n--x--\r\n",
        content_type="multipart/form-data; boundary=x",
        follow_redirects=True,
    )


def path_of(preview: TestResponse) -> str:
    return preview.request.path


def test_a_file_leads_to_a_preview_that_creates_nobody(administrator: Browser, people: People) -> None:
    page = upload(administrator, FILE.encode()).text
    assert "1 person will be created." in page
    assert "Enter an email address such as ada@example.com. “=1+1”" in page
    assert len(people()) == 1


def test_pasted_lines_do_as_well(administrator: Browser) -> None:
    page = administrator.submit("/users/import", pasted="ada@example.com\nBob\tbob@example.com").text
    assert "will be created." in page


def test_it_is_done_in_the_name_of_the_administrator_who_starts_it(
    administrator: Browser, run_jobs: RunJobs, app: Flask
) -> None:
    preview = upload(administrator, FILE.encode())
    database = app_state_of(app).database
    other = Browser(app, add_user(database, "eve@mailroom.example", Role.ADMINISTRATOR))
    other.start_session()
    start(other, preview)
    run_jobs()
    with database.read() as session:
        created = session.scalars(select(AuditEntry).where(AuditEntry.event == "user.created")).one()
    assert created.actor_email == "eve@mailroom.example"


def test_neither_a_file_nor_lines_is_an_error(administrator: Browser) -> None:
    assert "Choose a file, or paste its lines." in administrator.submit("/users/import", pasted="").text


def test_an_empty_file_is_an_error(administrator: Browser) -> None:
    assert "The file is empty." in upload(administrator, b"").text


@pytest.mark.parametrize("beginning", [b"PK\x03\x04", b"\xd0\xcf\x11\xe0"], ids=["xlsx", "xls"])
def test_a_spreadsheet_is_refused_with_what_to_do(administrator: Browser, beginning: bytes) -> None:
    assert "save it as CSV" in upload(administrator, beginning + bytes(1000)).text


def test_a_file_that_is_larger_than_other_forms_is_taken(administrator: Browser) -> None:
    lines = b"".join(b"person%d@example.com\n" % number for number in range(30_000))
    assert len(lines) > MAX_REQUEST_SIZE
    assert "30,000 people will be created." in upload(administrator, lines).text


def test_a_file_that_is_too_large_is_refused_with_the_limit(administrator: Browser) -> None:
    page = send(administrator, b"x" * MAX_UPLOAD_SIZE)
    assert (page.status_code, "This is larger than 16 MB." in page.text) == (413, True)


def test_the_import_runs_with_the_options_of_the_preview(
    administrator: Browser, run_jobs: RunJobs, people: People
) -> None:
    preview = upload(administrator, FILE.encode())
    page = administrator.submit(f"{path_of(preview)}", role="administrator")
    assert "As administrators" in page.text
    start(administrator, preview, role="administrator")
    run_jobs()
    assert next((user.email, user.is_administrator) for user in people()) == ("ada@example.com", True)


def test_nothing_is_imported_in_another_way_than_the_preview_showed(
    administrator: Browser, run_jobs: RunJobs, people: People
) -> None:
    page = start(administrator, upload(administrator, FILE.encode()), separator="comma")
    assert "Nothing has been imported yet. Check the preview" in page.text
    run_jobs()
    assert len(people()) == 1


def test_another_encoding_shows_other_names(administrator: Browser) -> None:
    preview = upload(administrator, "E-Mail;Name\nada@example.com;Їжак\n".encode("cp1251"))
    assert "Їжак" not in preview.text
    assert "Їжак" in administrator.submit(path_of(preview), encoding="cp1251").text


def test_the_column_of_the_addresses_can_be_chosen(administrator: Browser) -> None:
    preview = upload(administrator, b"Kontakt;Ort\nada(at)example.com;ada@example.com\n")
    page = administrator.submit(path_of(preview), column_email="0").text
    assert "0 people will be created." in page
    assert "“ada(at)example.com”" in page


def test_without_a_column_of_addresses_nothing_can_be_imported(administrator: Browser) -> None:
    preview = upload(administrator, b"a;b\nc;d\n")
    assert "No column with email addresses was found." in preview.text
    assert "Choose the column with the email addresses." in start(administrator, preview).text


def test_a_discarded_file_is_deleted(administrator: Browser, database: Database) -> None:
    preview = upload(administrator, FILE.encode())
    assert "No users were created." in administrator.submit(path_of(preview), "discard").text
    assert administrator.get(path_of(preview)).status_code == 404
    assert list(bulk_jobs.data_of(database, int(path_of(preview).split("/")[-1]))) == []


def test_the_progress_page_loads_itself_until_the_report_is_there(administrator: Browser, run_jobs: RunJobs) -> None:
    running = start(administrator, upload(administrator, FILE.encode()))
    assert '<noscript><meta http-equiv="refresh"' in running.text
    assert re.search(r'<progress [^>]*max="3" value="0"', running.text)
    run_jobs()
    ended = administrator.get(running.request.path).text
    assert "http-equiv" not in ended
    assert "Finished" in ended


def test_a_running_import_can_be_cancelled(administrator: Browser, run_jobs: RunJobs, people: People) -> None:
    running = start(administrator, upload(administrator, FILE.encode()))
    assert "Canceling…" in administrator.post(f"{running.request.path}/cancel").text
    run_jobs()
    assert "What has been done so far is kept." in administrator.get(running.request.path).text
    assert len(people()) == 1


def test_the_report_lists_each_outcome_without_formulas(administrator: Browser, run_jobs: RunJobs) -> None:
    path = start(administrator, upload(administrator, FILE.encode())).request.path
    run_jobs()
    files = {outcome: administrator.get(f"{path}/{outcome}.csv").text for outcome in ("created", "duplicate", "bad")}
    assert files["created"] == "\ufeffline,email,name,problem\r\n2,ada@example.com,Ada,\r\n"
    assert files["duplicate"].endswith("\r\n4,ada@example.com,Ada,\r\n")
    assert files["bad"].endswith("\r\n3,,,Enter an email address such as ada@example.com. “=1+1”\r\n")


def test_the_trail_says_who_downloaded_a_report(administrator: Browser, run_jobs: RunJobs) -> None:
    path = start(administrator, upload(administrator, FILE.encode())).request.path
    run_jobs()
    administrator.get(f"{path}/created.csv")
    assert "List of users downloaded" in administrator.get("/audit?event=users.downloaded").text.partition("<table")[2]


def test_names_that_are_formulas_are_text_in_the_report(administrator: Browser, run_jobs: RunJobs) -> None:
    path = start(administrator, upload(administrator, b"email,name\nada@example.com,=1+1\n")).request.path
    run_jobs()
    assert ",'=1+1," in administrator.get(f"{path}/created.csv").text


@pytest.mark.parametrize("path", ["/users/import/9", "/users/jobs/9", "/users/jobs/9/created.csv"])
def test_an_import_that_is_not_there_is_not_found(administrator: Browser, path: str) -> None:
    assert administrator.get(path).status_code == 404


def test_recent_imports_are_listed(administrator: Browser, run_jobs: RunJobs) -> None:
    path = start(administrator, upload(administrator, FILE.encode(), "staff.csv")).request.path
    run_jobs()
    page = administrator.get("/users/import").text
    assert ("staff.csv" in page, f'href="{path}"' in page, "3 of 3" in page) == (True, True, True)


def start(administrator: Browser, preview: TestResponse, **fields: str) -> TestResponse:
    """Press “Import” on a preview, and return the next page."""
    return administrator.submit(path_of(preview), "start", **fields)
