"""Home's charts and numbers."""

import re
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import insert, update

from tests.conftest import Enqueue
from tests.monitoring.conftest import Count
from tests.support.browser import Browser
from webapp.core import clock
from webapp.core.database import Database
from webapp.outbox.models import Message, MessageState


@pytest.mark.one_database
def test_home_shows_each_chart_for_wide_screens_and_phones_with_a_table(administrator: Browser, count: Count) -> None:
    count("finished", "reset", "sent", 1234)
    page = administrator.get("/").text
    for name in ("delivered", "waiting", "latency", "kinds"):
        assert len(re.findall(rf'"/charts/{name}\.svg\?period=7d&amp;size=(?:wide|narrow)&', page)) == 2
    assert page.count('<details class="disclosure">') == 4
    assert '<th scope="row">Password reset</th><td>1,234</td><td>0</td>' in page


@pytest.mark.one_database
def test_a_chart_may_only_use_its_own_styles_and_be_kept_for_a_minute_by_this_browser(
    administrator: Browser, count: Count
) -> None:
    count("finished", "reset", "sent")
    answer = administrator.get("/charts/delivered.svg?period=24h&size=wide")
    assert answer.mimetype == "image/svg+xml"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert answer.headers["Cache-Control"] == "private, max-age=60"
    for wrong in (
        "delivered.svg?period=1y&size=wide",
        "other.svg?period=7d&size=wide",
        "waiting.svg?period=7d&size=4k",
    ):
        assert administrator.get(f"/charts/{wrong}").status_code == 404


@pytest.mark.one_database
def test_members_and_strangers_see_no_charts(member: Browser, stranger: Browser) -> None:
    path = "/charts/delivered.svg?period=24h&size=wide"
    assert (member.get(path).status_code, stranger.get(path, follow=False).status_code) == (403, 302)


@pytest.mark.one_database
def test_charts_are_at_most_a_minute_old(administrator: Browser, count: Count) -> None:
    with time_machine.travel(clock.now().replace(second=1), tick=False) as time:
        assert "Charts appear here within a minute" in administrator.get("/").text
        count("finished", "reset", "sent")
        assert "Charts appear here within a minute" in administrator.get("/").text
        time.shift(timedelta(minutes=1))
        assert "Charts appear here within a minute" not in administrator.get("/").text


def test_home_counts_what_waits_and_what_was_not_delivered_today_and_in_the_last_week(
    administrator: Browser, enqueue: Enqueue, database: Database, count: Count
) -> None:
    count("finished", "reset", "sent", 21)
    ended = [
        ("failed", 0),
        ("failed", 1),
        ("failed", 6),
        ("failed", 8),
        ("expired", 0),
        ("cancelled", 0),
        ("queued", 0),
    ]
    for state, days in ended:
        message_id = enqueue()
        values = {"state": MessageState(state), "finished_at": clock.now() - timedelta(days=days)}
        with database.transaction() as session:
            session.execute(update(Message).where(Message.id == message_id).values(values))
    page = administrator.get("/").text
    tiles = re.findall(
        r'href="([^"]+)"><span class="tile-name">([^<]+)</span><span class="tile-number">(\d+)</span>'
        r'<span class="tile-note">(\d+|[a-z]+)',
        page,
    )
    assert tiles == [
        ("/outbox?state=waiting", "Waiting", "1", "oldest"),
        ("/outbox?state=sent", "Sent today", "21", "21"),
        ("/outbox?state=failed", "Failed today", "1", "3"),
        ("/outbox?state=expired", "Expired today", "1", "1"),
        ("/outbox?state=uncertain", "Uncertain today", "0", "0"),
    ]


def test_home_counts_no_more_failed_messages_than_anybody_would_look_through(
    administrator: Browser, database: Database
) -> None:
    now = clock.now()
    one = {"kind": "reset", "recipient": "eve@people.example", "created_at": now, "next_attempt_at": now}
    failed = {**one, "state": MessageState.FAILED, "attempts": 1, "finished_at": now}
    with database.transaction() as session:
        session.execute(insert(Message), [failed] * 501)
    page = administrator.get("/").text
    assert 'Failed today</span><span class="tile-number">500+</span><span class="tile-note">500+ in' in page
