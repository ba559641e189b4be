"""The Emails tab: a preview of every kind of message."""

import re

import pytest

from tests.support.browser import Browser
from webapp.accounts.message_kinds import KINDS
from webapp.core.app_state import AppState
from webapp.monitoring.message_kinds import IN_TROUBLE_KIND, RECOVERED_KIND, WELL_KIND
from webapp.outbox.kinds import TEST_KIND
from webapp.settings import service as settings

pytestmark = pytest.mark.one_database

NAMES = [kind.name for kind in (TEST_KIND, *KINDS, RECOVERED_KIND, IN_TROUBLE_KIND, WELL_KIND)]
URL = re.compile(r"https?://[^\s\"'<>]+")


def test_the_tab_links_to_every_kind(administrator: Browser) -> None:
    page = administrator.get("/settings/emails").text
    assert sorted(re.findall(r'href="/settings/emails/(\w+)"', page)) == sorted(NAMES)


def test_a_preview_has_a_subject_html_and_text_and_no_working_link(administrator: Browser) -> None:
    for name in NAMES:
        page = administrator.get(f"/settings/emails/{name}").text
        html = administrator.get(f"/settings/emails/{name}/html").text
        assert re.search(r"<dd><bdi>[^<]*Mailroom[^<]*</bdi></dd>", page)
        # One kind may go to a stranger.
        hello = (
            ("Hello,", "Hello,")
            if name == "confirm_address"
            else ("Hello Ada Lovelace,", "Hello <bdi>Ada Lovelace</bdi>,")
        )
        assert (hello[0] in page, hello[1] in html) == (True, True)
        assert {url for url in URL.findall(html) if not url.startswith("https://preview.invalid/")} == set()


def test_the_framed_html_can_run_load_and_send_nothing(administrator: Browser) -> None:
    page, html = (administrator.get(f"/settings/emails/reset{end}") for end in ("", "/html"))
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
    assert re.search(r"<iframe [^>]* sandbox></iframe>", page.text)
    policy = html.headers["Content-Security-Policy"]
    assert policy.endswith("frame-ancestors 'self'; sandbox")
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; form-action 'none'")
    assert html.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_a_preview_has_the_real_product_name_as_text(administrator: Browser, state: AppState) -> None:
    with state.database.transaction() as session:
        settings.save_general(session, None, "<b>&Co", "")
    for end in ("", "/html"):
        page = administrator.get(f"/settings/emails/reset{end}").text
        assert "&lt;b&gt;&amp;Co" in page
        assert "<b>&Co" not in page


@pytest.mark.parametrize("query", ["lang=xx", "lang=", "lang=%00", "width=9"])
def test_an_unknown_language_or_width_is_ignored(administrator: Browser, query: str) -> None:
    for end in ("", "/html"):
        answer = administrator.get(f"/settings/emails/test{end}?{query}")
        assert (answer.status_code, "Ada Lovelace" in answer.text) == (200, True)
