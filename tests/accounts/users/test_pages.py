"""The administrators' pages about people."""

import re
from collections.abc import Callable

import pytest
from sqlalchemy import delete

from tests.accounts.conftest import NEW_PASSWORD
from tests.support.browser import Browser
from webapp.accounts.models import User, UserState
from webapp.accounts.users import administration
from webapp.core.database import Database
from webapp.settings import service as settings

Queued = Callable[[], list[tuple[str, str]]]
EVE = {"email": "eve@example.com", "name": "Eve"}


@pytest.fixture
def without_public_address(database: Database) -> None:
    """As before anybody set it."""
    with database.transaction() as session:
        settings.save_general(session, "", "Mailroom", "")


def test_a_new_person_is_mailed_a_link(administrator: Browser, queued: Queued, use_server: Callable[..., None]) -> None:
    use_server()
    page = administrator.submit("/users/new", **EVE)
    assert re.fullmatch(r"/users/\d+", page.request.path)
    assert "An activation mail to eve@example.com will be sent" in page.text
    assert queued() == [("activation", "eve@example.com")]


def test_whoever_invites_somebody_is_told_when_mail_does_not_flow(
    administrator: Browser, use_server: Callable[..., None], deliver: Callable[[], None]
) -> None:
    page = administrator.submit("/users/new", **EVE)
    assert "waits until the mail server is set" in page.text
    use_server()
    deliver()
    page = administrator.submit("/users/new", **EVE | {"email": "max@example.com"})
    assert "waits, as mail is not flowing" in page.text


def test_a_shown_link_works(administrator: Browser, stranger: Browser, queued: Queued) -> None:
    page = administrator.submit("/users/new", **EVE, role="administrator", send_activation="show")
    link = re.search(r'value="(https://mailroom.example/activate/[\w-]{43})"', page.text)
    assert link is not None
    assert page.headers["Cache-Control"] == "no-store"
    assert queued() == []
    with administrator.client.session_transaction() as session:
        assert link[1].rpartition("/")[2] not in str(dict(session))
    stranger.get(link[1])
    answer = stranger.submit("/activate", password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
    assert answer.request.path == "/"


def test_a_duplicate_is_told_beside_the_field_and_loses_nothing(administrator: Browser, ada: User) -> None:
    answer = administrator.submit("/users/new", email="ADA@example.com", name="Another Ada", role="administrator")
    assert re.search(r'id="email-error">There is an account with this address already', answer.text)
    assert 'value="Another Ada"' in answer.text
    assert re.search(r'<option selected value="administrator"', answer.text)


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("email", "eve", "not an e-mail address"),
        ("email", "eve@example.com\nBcc: ada@example.com", "Line breaks"),
        ("name", "", "Enter a name."),
        ("name", "\u200b\u200b", "control characters"),
        ("name", "\u200d\u200c\ufe0f", "Enter a name."),
        ("name", "x" * 201, "at most 200"),
        ("name", "x" * 100_000, "Too long"),
        ("name", "Eve\r\nBcc: ada@example.com", "Line breaks"),
        ("role", "owner", "Not a valid choice"),
        ("send_activation", "shout", "Not a valid choice"),
    ],
)
def test_what_is_wrong_is_told_beside_its_field(
    administrator: Browser, queued: Queued, field: str, value: str, problem: str
) -> None:
    answer = administrator.submit("/users/new", **EVE | {field: value})
    assert answer.status_code == 200
    assert re.search(rf'id="{field}-error">[^<]*{problem}', answer.text)
    assert queued() == []


def test_a_stale_form_comes_back_with_what_was_typed(administrator: Browser, queued: Queued) -> None:
    answer = administrator.post("/users/new", email="eve@example.com", send_activation="show", csrf_token="stale")
    assert "open for too long" in answer.text
    assert 'value="eve@example.com"' in answer.text
    assert re.search(r'<input checked[^>]* value="show"', answer.text)
    assert queued() == []


def test_html_in_a_name_stays_text(administrator: Browser) -> None:
    name = "<script>alert('x')</script>\"&"
    page = administrator.submit("/users/new", email="eve@example.com", name=name)
    for text in (page.text, administrator.get("/users").text):
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert" in text


def test_the_list_searches_and_says_what_to_do_when_nobody_is_found(administrator: Browser, ada: User) -> None:
    assert "ada@example.com" in administrator.get("/users?search=ada%40ex").text
    page = administrator.get("/users?search=%3Cb%3Enobody%00")
    assert (page.status_code, "Nobody was found" in page.text) == (200, True)
    assert 'value="&lt;b&gt;nobody"' in page.text


def test_the_list_leads_on_to_older_people(administrator: Browser, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(administration, "PAGE_SIZE", 1)
    page = administrator.get("/users")
    older = re.search(r'href="(/users\?before=\d+)"', page.text)
    assert older is not None
    assert "ada@mailroom.example" in administrator.get(older[1]).text


@pytest.mark.parametrize("path", ["/users/99999", "/users/99999999999999999999", "/users/0"])
def test_a_person_who_does_not_exist_is_not_found(administrator: Browser, path: str) -> None:
    assert administrator.get(path).status_code == 404


class TestActivationAgain:
    """A second mail, or a link to hand over."""

    def test_a_pending_person_can_be_mailed_again(self, administrator: Browser, pat: User, queued: Queued) -> None:
        page = administrator.post(f"/users/{pat.id}/resend")
        assert f"The activation mail to {pat.email} waits" in page.text
        assert queued() == [("activation", pat.email)]

    def test_only_one_email_is_sent_in_five_minutes(self, administrator: Browser, pat: User, queued: Queued) -> None:
        pages = [administrator.post(f"/users/{pat.id}/resend").text for _ in range(3)]
        assert "Another one can be sent in 5 minutes." in pages[-1]
        assert queued() == [("activation", pat.email)]

    def test_a_link_can_be_shown_for_a_pending_person(self, administrator: Browser, pat: User) -> None:
        assert "https://mailroom.example/activate/" in administrator.post(f"/users/{pat.id}/link").text

    def test_an_active_person_needs_none(self, administrator: Browser, ada: User, queued: Queued) -> None:
        page = administrator.post(f"/users/{ada.id}/resend")
        assert "active already" in page.text
        assert queued() == []

    @pytest.mark.parametrize("act", ["resend", "link"])
    def test_a_deleted_person_is_not_found(
        self, administrator: Browser, database: Database, pat: User, act: str
    ) -> None:
        with database.transaction() as session:
            session.execute(delete(User).where(User.state == UserState.PENDING))
        assert administrator.post(f"/users/{pat.id}/{act}").status_code == 404


@pytest.mark.usefixtures("without_public_address")
class TestWithoutAPublicAddress:
    """Links cannot be written yet."""

    def test_a_mail_waits_and_the_page_says_so(self, administrator: Browser, queued: Queued) -> None:
        page = administrator.submit("/users/new", **EVE)
        assert "waits until the public address is set" in page.text
        assert 'href="/settings/general"' in page.text
        assert queued() == [("activation", "eve@example.com")]

    def test_showing_a_link_says_where_to_set_it(self, administrator: Browser, pat: User) -> None:
        page = administrator.submit("/users/new", **EVE, send_activation="show")
        assert re.search(r'id="send_activation-error">[^<]*under Settings, General', page.text)
        answer = administrator.post(f"/users/{pat.id}/link")
        assert "once the public address is set" in answer.text
        assert "/activate/" not in answer.text
