"""A test email, the link in it, and the page that says whether it was followed."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.conftest import PUBLIC_URL
from tests.mail.page import PAGE
from tests.support.browser import Browser
from tests.support.inbox import Inbox
from tests.support.scripted import ScriptedServer
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.mail.round_trips import reach, service
from webapp.mail.round_trips.models import RoundTrip
from webapp.mail.round_trips.routes import LIMIT
from webapp.settings import service as settings

TRIP = "/settings/mail/round-trips/1"


@pytest.fixture
def link(administrator: Browser, inbox: Inbox) -> str:
    """The link in a test email that was sent just now."""
    page = administrator.submit(PAGE, "test", test_recipient="eve@example.org").text
    assert TRIP in page
    return inbox.last.link


def test_only_the_button_behind_the_link_says_that_the_email_arrived(
    administrator: Browser, stranger: Browser, link: str
) -> None:
    assert link.startswith(f"{PUBLIC_URL}/round-trip/")
    page = stranger.get(link)
    assert page.request.path == "/round-trip"
    assert "follow its link" in administrator.get(TRIP).text
    assert "Thank you." in stranger.submit_on(page).text
    assert "Arrived and opened" in administrator.get(TRIP).text
    assert "Thank you." in stranger.get(link).text


@pytest.mark.one_database
def test_what_was_noticed_at_the_link_is_shown_in_the_result(
    administrator: Browser, stranger: Browser, link: str
) -> None:
    # The browsers of the tests come by http, to localhost.
    stranger.submit(f"{link}.?utm_source=test")
    page = administrator.get(TRIP).text
    assert "starts with https://, but the request arrived with http://" in page
    assert "has the host mailroom.example, but the request arrived for localhost" in page
    assert "it got the parameters utm_source" in page
    assert "something was added at its end" in page


@pytest.mark.one_database
def test_another_link_opened_meanwhile_is_not_confirmed(
    administrator: Browser, stranger: Browser, link: str, inbox: Inbox
) -> None:
    page = stranger.get(link)
    administrator.submit(PAGE, "test", test_recipient="eve@example.org")
    stranger.get(inbox.last.link)
    stranger.submit_on(page)
    assert "follow its link" in administrator.get(TRIP).text
    assert "follow its link" in administrator.get(TRIP.replace("1", "2")).text


@pytest.mark.one_database
def test_a_link_that_is_not_known_confirms_nothing(stranger: Browser) -> None:
    page = stranger.get("/round-trip/made-up")
    assert (page.status_code, "We don't recognize this link" in page.text) == (404, True)
    assert '<form method="post" action="/round-trip"' not in page.text


@pytest.mark.one_database
def test_without_a_public_url_the_email_has_no_link(administrator: Browser, inbox: Inbox, state: AppState) -> None:
    with state.database.transaction() as session:
        settings.save_general(session, "", "Mailroom", "")
    page = administrator.submit(PAGE, "test", test_recipient="eve@example.org").text
    assert "Without a public URL the email has no link" in page
    assert "round-trip" not in inbox.last.text + inbox.last.html


@pytest.mark.one_database
def test_a_test_that_fails_leaves_no_round_trip(
    administrator: Browser, use_server: Callable[[], None], database: Database
) -> None:
    use_server()
    administrator.submit(PAGE, "test", test_recipient="eve@example.org")
    with database.read() as session:
        assert session.scalars(select(RoundTrip)).all() == []


def test_old_round_trips_are_deleted(link: str, database: Database) -> None:
    with database.transaction() as session:
        service.delete_old(session, clock.now() + service.RETENTION - timedelta(minutes=1))
        assert session.get(RoundTrip, 1)
        service.delete_old(session, clock.now() + service.RETENTION)
        assert session.scalars(select(RoundTrip)).all() == []


@pytest.mark.one_database
class TestAskedFromHere:
    """An administrator asks whether the public URL leads to this Mailroom."""

    @pytest.fixture
    def ask(self, administrator: Browser, link: str, state: AppState) -> Callable[[str], str]:
        """Set the public URL, and press the button."""

        def ask(public_url: str) -> str:
            with state.database.transaction() as session:
                settings.save_general(session, public_url, "Mailroom", "")
            return administrator.submit(TRIP, "ask").text

        return ask

    @pytest.mark.parametrize("body", [b"Welcome", b"[" * 200_000, b'{"answer": "\\ud800"}', b'{"notices": "\\ud800"}'])
    def test_somebody_else_who_replies_is_not_taken_for_it(
        self, body: bytes, ask: Callable[[str], str], scripted: Callable[..., ScriptedServer]
    ) -> None:
        server = scripted({"GREETING": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)})
        assert "Something else replies" in ask(f"http://localhost:{server.port}")

    def test_a_url_where_nobody_answers_is_told_with_the_reason(self, ask: Callable[[str], str]) -> None:
        page = ask("http://127.0.0.1:9")
        assert "From here, the public URL can&#39;t be reached ([Errno 111] Connection refused)." in page

    def test_a_url_without_https_is_not_opened(self, ask: Callable[[str], str]) -> None:
        assert "so Mailroom doesn&#39;t open it" in ask("http://mailroom.example")

    def test_it_can_be_asked_twenty_times_in_ten_minutes(self, ask: Callable[[str], str]) -> None:
        pages = [ask("http://mailroom.example") for _ in range(LIMIT.times + 1)]
        assert ["so Mailroom doesn&#39;t open it" in page for page in pages] == [True] * LIMIT.times + [False]


def test_only_its_own_question_is_answered_with_what_it_shows(state: AppState, stranger: Browser) -> None:
    question = reach.question(state.sealer, "a-nonce")
    found = stranger.get(f"{reach.PATH}{question}").json
    assert found is not None
    noticed, answer = found["notices"], found["answer"]
    assert [one["code"] for one in json.loads(noticed)] == ["scheme", "host"]
    assert reach.is_answer(state.sealer, "a-nonce", noticed, answer)
    assert not reach.is_answer(state.sealer, "another-nonce", noticed, answer)
    assert not reach.is_answer(state.sealer, "a-nonce", noticed.replace("scheme", "schema"), answer)
    assert stranger.get(f"{reach.PATH}{question}0").status_code == 404
