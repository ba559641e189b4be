"""The pages on which administrators look after users."""

import csv
import io
import re
from collections.abc import Callable
from html import unescape

import pytest
from sqlalchemy import select

from tests.accounts.conftest import Deliver, Queued, has_field_error
from tests.conftest import Enqueue, GetMessage
from tests.support.browser import PASSWORD, Browser
from tests.support.inbox import Inbox
from tests.support.users import add_user
from webapp.accounts.models import Role, User, UserState
from webapp.accounts.users import listing
from webapp.audit.models import AuditEntry
from webapp.core.database import Database
from webapp.outbox.models import Message, MessageState
from webapp.settings import service as settings

pytestmark = pytest.mark.one_database

EARLIER_LINKS = "Earlier links keep working until they expire."
EVE = {"email": "eve@example.com", "name": "Eve"}


def role_and_state(database: Database, user: User) -> tuple[str, str]:
    with database.read() as session:
        found = session.get(User, user.id)
        return (found.role, found.state) if found else ("", "")


class TestList:
    """The list of users."""

    def test_it_can_be_searched(self, administrator: Browser, ada: User) -> None:
        assert "ada@example.com" in administrator.get("/users?search=ada%40ex").text
        page = administrator.get("/users?search=%3Cb%3Enobody%00")
        assert (page.status_code, "No users found" in page.text) == (200, True)
        assert 'value="&lt;b&gt;nobody"' in page.text

    def test_it_links_to_older_users(self, administrator: Browser, database: Database) -> None:
        for number in range(listing.PAGE_SIZE):
            add_user(database, f"p{number}@example.com")
        older = re.search(
            r'href="(/users\?before=\d+&amp;state=active)"', administrator.get("/users?state=active").text
        )
        assert older is not None
        assert administrator.user.email in administrator.get(unescape(older[1])).text

    def test_it_can_be_filtered_by_status_and_role(self, administrator: Browser, ada: User, pat: User) -> None:
        for query, shown in [
            ("state=pending", [pat]),
            ("role=member&search=example.com", [ada, pat]),
            ("state=x", "all"),
        ]:
            page = administrator.get(f"/users?{query}").text
            everybody = [administrator.user, ada, pat]
            expected = everybody if shown == "all" else shown
            assert [user for user in everybody if f'"Email address"><bdi>{user.email}' in page] == expected

    def test_all_that_match_are_downloaded(
        self, administrator: Browser, ada: User, pat: User, database: Database
    ) -> None:
        with database.transaction() as session:
            session.get_one(User, pat.id).name = "=HYPERLINK()"
        answer = administrator.get("/users.csv?search=example.com")
        rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
        assert [(row["email"], row["status"], row["name"]) for row in rows] == [
            ("pat@example.com", "pending", "'=HYPERLINK()"),
            ("ada@example.com", "active", "Ada"),
        ]
        assert answer.headers["Content-Disposition"].startswith('attachment; filename="users-20')
        with database.read() as session:
            downloads = select(AuditEntry).where(AuditEntry.event == "users.downloaded")
            assert session.scalars(downloads).one().data == {"filtered": ["search"]}


INVALID = [
    ("email", "eve", "Enter an email address such as"),
    ("email", "eve@example.com\nBcc: ada@example.com", "invisible character"),
    ("name", "", "Enter a name."),
    ("name", "a\u200bb", "invisible character"),
    ("name", "\u200d\u200c\ufe0f", "Enter a name."),
    ("name", "x" * 201, "at most 200"),
    ("name", "x" * 100_000, "Too long"),
    ("name", "Eve\r\nBcc: ada@example.com", "invisible character"),
    ("role", "owner", "Not a valid choice"),
    ("send_activation", "shout", "Not a valid choice"),
]


class TestCreating:
    """The form for a new user."""

    def test_the_activation_email_is_queued_and_linked(
        self, administrator: Browser, queued: Queued, use_server: Callable[..., None]
    ) -> None:
        use_server()
        page = administrator.submit("/users/new", **EVE)
        assert re.fullmatch(r"/users/\d+", page.request.path)
        assert "The activation email to eve@example.com is on its way." in page.text
        assert '<a href="/outbox">See it in the outbox</a>' in page.text
        assert queued() == [("activation", "eve@example.com")]

    def test_the_page_says_why_the_email_waits(
        self, administrator: Browser, use_server: Callable[..., None], deliver: Deliver
    ) -> None:
        page = administrator.submit("/users/new", **EVE)
        assert "will be sent once the mail server is set up" in page.text
        use_server()
        deliver()
        page = administrator.submit("/users/new", **EVE | {"email": "max@example.com"})
        assert "is waiting because mail is not going out" in page.text

    def test_a_shown_link_activates_the_account(
        self, administrator: Browser, stranger: Browser, queued: Queued
    ) -> None:
        page = administrator.submit("/users/new", **EVE, role="administrator", send_activation="show")
        link = re.search(r'value="(https://mailroom.example/activate/[\w-]{43})"', page.text)
        assert link is not None
        assert queued() == []
        stranger.get(link[1])
        page = stranger.submit("/activate", password=PASSWORD, password_confirm=PASSWORD)
        assert page.request.path == "/"

    def test_a_taken_address_is_an_error_beside_the_field(self, administrator: Browser, ada: User) -> None:
        page = administrator.submit("/users/new", email="ADA@example.com", name="Another Ada", role="administrator")
        assert re.search(r'id="email-error">An account with this address already exists', page.text)
        assert 'value="Another Ada"' in page.text
        assert re.search(r'<option selected value="administrator"', page.text)

    def test_an_invalid_value_is_an_error_beside_its_field(self, administrator: Browser, queued: Queued) -> None:
        for field, value, problem in INVALID:
            page = administrator.submit("/users/new", **EVE | {field: value})
            assert page.status_code == 200
            assert re.search(rf'id="{field}-error">[^<]*{problem}', page.text)
            assert queued() == []

    def test_the_page_says_if_no_email_may_go_to_the_address(
        self, administrator: Browser, use_server: Callable[..., None]
    ) -> None:
        use_server()
        administrator.submit("/settings/general", send_to="domains", send_to_domains="example.org")
        page = administrator.submit("/users/new", **EVE)
        assert "Email to this address is not allowed" in page.text
        assert "is on its way" not in page.text

    def test_html_in_a_name_is_escaped(self, administrator: Browser) -> None:
        page = administrator.submit("/users/new", email="eve@example.com", name="<script>alert('x')</script>\"&")
        for html in (page.text, administrator.get("/users").text):
            assert "<script>alert" not in html
            assert "&lt;script&gt;alert" in html


class TestResendingTheActivationEmail:
    """The button on the page of a pending user."""

    def test_only_one_email_is_queued_in_five_minutes(self, administrator: Browser, pat: User, queued: Queued) -> None:
        pages = [administrator.post(f"/users/{pat.id}/resend").text for _ in range(3)]
        assert f"The activation email to {pat.email} will be sent once" in pages[0]
        assert "You can request another in 5 minutes." in pages[-1]
        assert queued() == [("activation", pat.email)]

    def test_an_active_user_gets_none(self, administrator: Browser, ada: User, queued: Queued) -> None:
        assert "already active" in administrator.post(f"/users/{ada.id}/resend").text
        assert queued() == []


class TestWithoutAPublicUrl:
    """No links can be created yet."""

    @pytest.fixture(autouse=True)
    def no_public_url(self, database: Database) -> None:
        with database.transaction() as session:
            settings.save_general(session, "", "Mailroom", "")

    def test_the_email_waits_and_the_page_says_so(self, administrator: Browser, queued: Queued) -> None:
        page = administrator.submit("/users/new", **EVE)
        assert "will be sent once the public URL is set" in page.text
        assert 'href="/settings/general"' in page.text
        assert queued() == [("activation", "eve@example.com")]

    def test_a_link_cannot_be_shown(self, administrator: Browser, pat: User) -> None:
        page = administrator.submit("/users/new", **EVE, send_activation="show")
        assert re.search(r'id="send_activation-error">[^<]*first set the public URL', page.text)
        page = administrator.post(f"/users/{pat.id}/link")
        assert "be shown until the public URL is set" in page.text
        assert "/activate/" not in page.text


class TestUserPage:
    """The actions on the page of a user."""

    def test_disabling_asks_for_confirmation(self, administrator: Browser, database: Database, ada: User) -> None:
        page = administrator.get(f"/users/{ada.id}/disable")
        assert "signed out everywhere" in page.text
        assert role_and_state(database, ada) == (Role.MEMBER, UserState.ACTIVE)
        page = administrator.submit_on(page, "sure")
        assert page.request.path == f"/users/{ada.id}"
        assert role_and_state(database, ada) == (Role.MEMBER, UserState.DISABLED)

    def test_a_disabled_user_can_be_enabled(self, administrator: Browser, database: Database, ada: User) -> None:
        administrator.submit(f"/users/{ada.id}/disable", "sure")
        assert f'action="/users/{ada.id}/enable"' in administrator.get(f"/users/{ada.id}").text
        assert "has been enabled." in administrator.post(f"/users/{ada.id}/enable").text
        assert role_and_state(database, ada) == (Role.MEMBER, UserState.ACTIVE)

    def test_all_sessions_of_a_user_can_be_ended(self, administrator: Browser, member: Browser) -> None:
        path = f"/users/{member.user.id}/sign-out"
        assert f'action="{path}"' in administrator.get(f"/users/{member.user.id}").text
        assert "has been signed out everywhere" in administrator.post(path).text
        assert member.get("/profile", follow=False).location.startswith("/login")
        assert member.sign_in().request.path == "/"

    def test_deleting_asks_once_and_returns_to_the_list(
        self, administrator: Browser, database: Database, ada: User
    ) -> None:
        page = administrator.submit(f"/users/{ada.id}/delete", "sure")
        assert (page.request.path, "account has been deleted." in page.text) == ("/users", True)
        assert role_and_state(database, ada) == ("", "")
        assert administrator.post(f"/users/{ada.id}/delete").status_code == 404

    def test_a_member_can_be_made_an_administrator(self, administrator: Browser, database: Database, ada: User) -> None:
        administrator.submit(f"/users/{ada.id}/role", role="administrator")
        assert role_and_state(database, ada) == (Role.ADMINISTRATOR, UserState.ACTIVE)

    def test_the_name_can_be_changed(self, administrator: Browser, ada: User) -> None:
        page = administrator.submit(f"/users/{ada.id}", name="Augusta <b>King")
        assert (page.request.path, "Augusta &lt;b&gt;King" in page.text) == (f"/users/{ada.id}", True)
        page = administrator.submit_on(page, name=" ")
        assert 'id="name-error">Enter a name.' in page.text

    def test_a_lockout_is_shown_and_can_be_ended(self, administrator: Browser, stranger: Browser, ada: User) -> None:
        assert "is locked until" not in administrator.get(f"/users/{ada.id}").text
        for _ in range(10):
            stranger.post("/login", email=ada.email, password="wrong")
        assert "is locked until" in administrator.get(f"/users/{ada.id}").text
        page = administrator.post(f"/users/{ada.id}/unlock")
        assert ("Sign-in is unlocked." in page.text, "is locked until" in page.text) == (True, False)
        assert stranger.submit("/login", email=ada.email, password=PASSWORD).request.path == "/"


@pytest.mark.parametrize("action", ["disable", "delete", "role"])
class TestLockingOneselfOut:
    """Somebody must be able to undo what administrators do."""

    def test_the_only_administrator_stays_one(self, administrator: Browser, database: Database, action: str) -> None:
        own = administrator.user
        for path in (f"/users/{own.id}", f"/users/{own.id}/{action}"):
            assert "the only active administrator" in administrator.get(path).text
        page = administrator.post(f"/users/{own.id}/{action}", role="member")
        assert (page.status_code, "the only active administrator" in page.text) == (409, True)
        assert role_and_state(database, own) == (Role.ADMINISTRATOR, UserState.ACTIVE)


@pytest.mark.parametrize(
    "page", ["new", "{id}/name", "{id}/sign-out", "{id}/enable", "{id}/unlock", "{id}/resend", "{id}/role", "{id}/link"]
)
def test_nothing_changes_if_the_role_is_lost_during_the_request(
    administrator: Browser, database: Database, ada: User, page: str
) -> None:
    form = {"email": "new@example.com", "name": "New", "role": "member", "send_activation": "mail", "language": ""}
    token, by = administrator.csrf_token(), administrator.user.id

    def demote() -> None:
        with database.transaction() as session:
            session.get_one(User, by).role = Role.MEMBER

    administrator.app.before_request_funcs[None].append(demote)
    answer = administrator.client.post(f"/users/{page}".format(id=ada.id), data={**form, "csrf_token": token})
    assert answer.status_code == 403
    with database.read() as session:
        assert set(session.scalars(select(User.name))) == {administrator.user.name, ada.name}


def emails_of(administrator: Browser, user: User) -> str:
    """The table of emails on a person's page."""
    found = re.search(r"<h2>Emails</h2>.*?</table>", administrator.get(f"/users/{user.id}").text, re.DOTALL)
    assert found is not None
    return found[0]


class TestEmails:
    """What the page shows of a person's mail."""

    def test_each_is_shown_with_its_state(
        self, administrator: Browser, ada: User, enqueue: Enqueue, database: Database
    ) -> None:
        failed, waiting = enqueue("activated", ada.email, user_id=ada.id), enqueue("reset", ada.email)
        other = enqueue("reset", "somebody@example.com")
        with database.transaction() as session:
            session.get_one(Message, failed).state = MessageState.FAILED
        page = administrator.get(f"/users/{ada.id}").text
        assert [f'href="/outbox/{one}"' in page for one in (failed, waiting, other)] == [True, True, False]
        assert re.findall(r'<span class="badge [a-z-]+">(Failed|Waiting)</span>', page) == ["Waiting", "Failed"]

    def test_an_address_that_is_not_the_persons_now_is_shown(
        self, administrator: Browser, ada: User, enqueue: Enqueue
    ) -> None:
        enqueue("activated", ada.email, user_id=ada.id)
        assert '<div class="form-text">' not in emails_of(administrator, ada)
        enqueue("activated", "adda@example.com", user_id=ada.id)
        assert '<div class="form-text"><bdi>adda@<wbr>example<wbr>.com</bdi></div>' in emails_of(administrator, ada)

    def test_only_the_newest_are_shown(self, administrator: Browser, ada: User, enqueue: Enqueue) -> None:
        for _ in range(12):
            enqueue("activated", ada.email, user_id=ada.id)
        found = re.findall(r'href="/outbox/(\d+)"', administrator.get(f"/users/{ada.id}").text)
        assert found == [str(number) for number in range(12, 2, -1)]


class TestCorrectingAnAddress:
    """A pending person's address with a typo."""

    def test_the_old_link_is_void_and_a_new_email_can_be_sent_at_once(
        self, administrator: Browser, stranger: Browser, inbox: Inbox, deliver: Deliver
    ) -> None:
        page = administrator.submit("/users/new", **EVE | {"email": "evw@example.com"})
        assert EARLIER_LINKS not in page.text
        deliver()
        assert EARLIER_LINKS in administrator.get(page.request.path).text
        page = administrator.submit(page.request.path, email="eve@example.com")
        assert "The address has been corrected." in page.text
        assert EARLIER_LINKS not in page.text
        assert stranger.get(inbox.last.link).status_code == 410
        administrator.post(f"{page.request.path}/resend")
        deliver()
        assert (inbox.last.rcpt_to, stranger.get(inbox.last.link).status_code) == (["eve@example.com"], 200)

    def test_an_email_that_waits_for_the_wrong_address_is_not_sent(
        self, administrator: Browser, inbox: Inbox, deliver: Deliver, get_message: GetMessage
    ) -> None:
        page = administrator.submit("/users/new", **EVE | {"email": "evw@example.com"})
        administrator.submit(page.request.path, email="eve@example.com")
        deliver()
        message = get_message(1)
        assert (message.state, message.failure_code) == (MessageState.CANCELLED, "address_corrected")
        assert inbox.messages == []

    def test_a_taken_address_is_refused_beside_the_field(
        self, administrator: Browser, pat: User, ada: User, database: Database
    ) -> None:
        page = administrator.submit(f"/users/{pat.id}", email=ada.email)
        assert has_field_error(page.text, "An account with this address already exists")
        assert f'value="{ada.email}"' in page.text

    def test_nobody_elses_address_can_be_changed(self, administrator: Browser, ada: User, database: Database) -> None:
        assert "/address" not in administrator.get(f"/users/{ada.id}").text
        page = administrator.post(f"/users/{ada.id}/address", email="eve@example.com")
        assert "This account is already active." in page.text
        with database.read() as session:
            assert session.get_one(User, ada.id).email == ada.email

    def test_the_trail_records_it_with_the_new_address(
        self, administrator: Browser, pat: User, database: Database
    ) -> None:
        administrator.submit(f"/users/{pat.id}", email="patricia@example.com")
        with database.read() as session:
            entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert entry is not None
        assert (entry.event, entry.subject_email, entry.subject_id) == (
            "address.corrected", "patricia@example.com", pat.id
        )  # fmt: skip


def test_all_emails_to_a_person_are_listed_in_pages(
    administrator: Browser, enqueue: Enqueue, database: Database
) -> None:
    user_id = add_user(database, "eve@people.example")
    for number in range(52):
        enqueue(recipient=f"eve{number}@people.example", user_id=user_id)
    enqueue(recipient="bob@people.example")
    assert f'href="/users/{user_id}/emails"' in administrator.get(f"/users/{user_id}").text
    page = administrator.get(f"/users/{user_id}/emails").text
    older = administrator.get(f"/users/{user_id}/emails?before=3").text
    assert ("eve51@" in page, "eve1@" in page, "bob@" in page) == (True, False, False)
    assert ("eve1@" in older, "eve2@" in older) == (True, False)
