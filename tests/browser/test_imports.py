"""An import of users in a real browser, with the worker that carries it out."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.browser.conftest import WITHOUT_SCRIPTS_TOO
from tests.browser.serving import Site
from tests.browser.walker import Walker
from tests.support.browser import PASSWORD
from tests.support.users import add_user
from webapp.accounts.bulk_jobs import service as bulk_jobs
from webapp.accounts.bulk_jobs.models import JobState
from webapp.accounts.imports import service as imports
from webapp.accounts.models import Role
from webapp.core import clock
from webapp.core.app_state import AppState

FILE = 'E-Mail;Name\nzoe@example.com;Zoë\n"broken;x\nada@mailroom.example;Ada\nbob@example.com;Bob\n'


@pytest.fixture
def office(site: Site, inside: AppState) -> Site:
    """An installation with an administrator."""
    add_user(inside.database, "ada@mailroom.example", Role.ADMINISTRATOR)
    return site


@pytest.fixture
def signed_in(walker: Walker, office: Site) -> Walker:
    """The administrator at a browser."""
    walker.open(f"{office.url}/login", check=False)
    walker.fill(email="ada@mailroom.example", password=PASSWORD)
    walker.press("Sign in", check=False)
    return walker


def half_done(state: AppState) -> int:
    """Return the id of an import that another worker seems to work on, for some seconds."""
    job_id = imports.keep(state.database, [FILE.encode()], "people.csv")
    with state.database.transaction() as session:
        job = bulk_jobs.get(session, job_id)
        bulk_jobs.start(session, job_id, 1000, job.options)
        job.done, job.moved_at = 500, clock.now() + timedelta(seconds=4)
    return job_id


def test_a_file_becomes_users(signed_in: Walker, office: Site, tmp_path: Path) -> None:
    path = tmp_path / "staff.csv"
    path.write_text(FILE, encoding="cp1252")
    signed_in.open(f"{office.url}/users")
    signed_in.follow("Import users")
    signed_in.page.locator("#file").set_input_files(path)
    signed_in.press("Show the preview")
    assert signed_in.sees("2 people will be created.")
    assert signed_in.sees("A quotation mark is not closed")
    signed_in.page.locator('[name="send_activation"]').check()
    signed_in.press("start", check=False)
    signed_in.page.get_by_text("Finished").wait_for()
    signed_in.check_page()
    with signed_in.page.expect_download() as download:
        signed_in.page.locator('a[href$="/created.csv"]').click()
    assert "zoe@example.com,Zoë" in download.value.path().read_text()
    assert signed_in.complaints == []


@WITHOUT_SCRIPTS_TOO
def test_the_progress_survives_a_reload_and_turns_into_the_report(
    signed_in: Walker, office: Site, inside: AppState
) -> None:
    signed_in.open(f"{office.url}/users/jobs/{half_done(inside)}")
    for _time in range(2):
        assert signed_in.page.locator("progress").get_attribute("value") == "500"
        signed_in.page.reload()
    signed_in.page.get_by_text("Finished").wait_for()
    assert signed_in.complaints == []


def test_a_running_import_is_cancelled(signed_in: Walker, office: Site, inside: AppState) -> None:
    job_id = half_done(inside)
    signed_in.open(f"{office.url}/users/jobs/{job_id}", check=False)
    signed_in.press("Cancel", check=False)
    signed_in.page.get_by_text("Canceled. What has been done so far is kept.").wait_for()
    with inside.database.read() as session:
        assert bulk_jobs.get(session, job_id).state == JobState.STOPPED
    assert signed_in.complaints == []
