"""What the style sheet promises, measured in a real browser."""

from datetime import timedelta

import pytest

from tests.browser.serving import Site
from tests.browser.walker import Walker
from tests.support.browser import PASSWORD
from tests.support.users import add_user
from webapp.accounts.models import Role, UserState
from webapp.audit.models import AuditEntry
from webapp.core import clock, counts
from webapp.core.app_state import AppState
from webapp.core.counts import Counted

ADA, PAT = "ada.lovelace@mailroom.example", "patricia.longname@subsidiary.example-company.example"
# In how many lines each word of the elements is.
LINES_OF_WORDS = """(selector) => [...document.querySelectorAll(selector)].flatMap((element) => [...element.childNodes])
  .flatMap((node) => [...(node.data ?? "").matchAll(/[^\\W_]+/g)].map((word) => {
    const range = document.createRange();
    range.setStart(node, word.index);
    range.setEnd(node, word.index + word[0].length);
    return range.getClientRects().length;
  }))"""
# In how many lines each element is.
LINES_OF_ELEMENTS = (
    """(selector) => [...document.querySelectorAll(selector)].map((one) => one.getClientRects().length)"""
)


@pytest.fixture
def pat_id(site: Site, inside: AppState) -> int:
    """A person who was invited, in an installation with an administrator."""
    add_user(inside.database, ADA, Role.ADMINISTRATOR)
    return add_user(inside.database, PAT, state=UserState.PENDING)


@pytest.fixture
def visitor(walker: Walker, site: Site, pat_id: int) -> Walker:
    """The administrator, signed in."""
    walker.open(f"{site.url}/login")
    walker.fill(email=ADA, password=PASSWORD)
    walker.press("Sign in")
    return walker


def test_in_the_audit_trail_times_take_one_line_and_addresses_break_at_their_signs(
    visitor: Walker, site: Site, inside: AppState
) -> None:
    with inside.database.transaction() as session:
        for minutes, address in enumerate(("198.51.100.200", "2001:db8:85a3:1234:5678:8a2e:370:7334")):
            happened_at = clock.now() - timedelta(minutes=minutes)
            entry = AuditEntry(happened_at=happened_at, event="user.created", actor_email=ADA, subject_email=PAT)
            entry.ip_address = address
            session.add(entry)
    visitor.open(f"{site.url}/audit")
    times = visitor.page.evaluate(LINES_OF_ELEMENTS, ".audit-log time")
    words = visitor.page.evaluate(LINES_OF_WORDS, ".audit-log bdi")
    assert len(times) > 2
    assert len(words) > 20
    assert {*times, *words} == {1}


def test_all_cards_of_a_page_have_the_same_width(visitor: Walker, site: Site, pat_id: int) -> None:
    for path in ("/profile", f"/users/{pat_id}"):
        visitor.open(site.url + path)
        widths = visitor.page.evaluate("[...document.querySelectorAll('main .panel')].map((card) => card.offsetWidth)")
        assert len(widths) > 3
        assert len(set(widths)) == 1


def test_the_action_bar_stays_in_view_only_where_it_leaves_room(visitor: Walker, site: Site) -> None:
    # The second is 1280 by 900 pixels at 400 %.
    for width, height, in_view in ((1280, 900, True), (320, 225, False)):
        visitor.page.set_viewport_size({"width": width, "height": height})
        visitor.open(f"{site.url}/settings/mail")
        visitor.page.locator("#mail-server").evaluate("form => form.scrollIntoView({ behavior: 'instant' })")
        top = visitor.page.locator(".action-bar").evaluate("bar => bar.getBoundingClientRect().top")
        assert (top < height) is in_view


def test_the_frame_of_an_email_is_about_as_high_as_the_email(visitor: Walker, site: Site) -> None:
    for kind in ("test", "activation", "address_changed", "expiry_alert"):
        visitor.open(f"{site.url}/settings/emails/{kind}", check=False)
        email = visitor.page.frame_locator("iframe").locator("body")
        height = email.evaluate("body => body.getBoundingClientRect().height")
        # Room for the same email in longer languages.
        assert 0 <= visitor.page.locator("iframe").evaluate("frame => frame.clientHeight") - height < 250, kind


def test_the_charts_on_home_are_shown_and_their_numbers_can_be_unfolded(
    visitor: Walker, site: Site, inside: AppState
) -> None:
    amounts = {Counted("finished", "reset", "sent"): 5, Counted("finished", "test", "failed"): 1}
    with inside.database.transaction() as session:
        counts.add(session, clock.now() - timedelta(hours=2), amounts | {Counted("latency", "0.5"): 5})
    # What Home showed after signing in is kept for the rest of the minute; this period is not.
    visitor.open(f"{site.url}/?period=24h")
    visitor.page.wait_for_load_state("networkidle")
    widths = visitor.page.evaluate("[...document.images].map((one) => [one.naturalWidth, one.complete])")
    assert widths == [[500, True]] * 4
    for details in visitor.page.locator(".chart summary").all():
        details.click()
    visitor.check_page()
    assert visitor.page.get_by_role("row", name="Password reset 5 0").is_visible()
    assert visitor.complaints == []
