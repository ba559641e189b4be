"""An administrator uses the audit trail, in a real browser."""

from pathlib import Path

from tests.browser.serving import Site
from tests.browser.walker import Walker

PASSWORD = "the first long sentence 7"
ADA = "ada@mailroom.example"


def test_the_trail_is_filtered_and_downloaded(walker: Walker, site: Site) -> None:
    become_administrator(walker, site)
    find_saved_settings(walker, site)
    show_entries_of_a_person(walker)
    enter_an_invalid_filter(walker)
    download_entries(walker, site)
    assert walker.complaints == []


def become_administrator(walker: Walker, site: Site) -> None:
    walker.open(site.setup_url, check=False)
    walker.fill(email=ADA, name="Ada", password=PASSWORD, password_confirm=PASSWORD, public_url=site.url)
    walker.press("Create and sign in", check=False)


def find_saved_settings(walker: Walker, site: Site) -> None:
    walker.open(f"{site.url}/users/1", check=False)
    walker.follow("Audit trail")
    assert walker.sees("First administrator created")
    walker.open(f"{site.url}/audit")
    walker.fill(event="general_settings.saved", person="")
    walker.press("Show")
    assert walker.sees("Changed: Public URL.")
    assert not walker.page.locator("main table").get_by_text("Signed in", exact=True).count()


def show_entries_of_a_person(walker: Walker) -> None:
    walker.follow("Show all")
    walker.follow(ADA)
    assert walker.value("person") == ADA
    walker.fill(ip_address="203.0.113.9")
    walker.press("Show")
    assert walker.sees("No matches.")


def enter_an_invalid_filter(walker: Walker) -> None:
    walker.fill(ip_address="", since="2026-02-02", until="2026-02-01")
    walker.press("Show")
    assert walker.sees("This date is before the start date.")
    walker.follow("Show all")


def download_entries(walker: Walker, site: Site) -> None:
    walker.open(f"{site.url}/audit?person={ADA}", check=False)
    with walker.page.expect_download() as download:
        walker.page.get_by_role("link", name="Download as CSV").click()
    assert download.value.suggested_filename.startswith("audit-20")
    content = Path(download.value.path()).read_text()
    assert "setup.completed" in content
    assert walker.sees("Signed in")
