"""What each package records, and that nobody can flood the audit trail."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from tests.support.browser import PASSWORD, Browser
from tests.support.command import run_mailroom
from tests.support.inbox import Inbox
from tests.support.users import add_user
from webapp.accounts import audit_events as accounts_events
from webapp.accounts.links import service as links
from webapp.accounts.links.errors import LinkNotFound
from webapp.accounts.models import LinkPurpose, User, UserState
from webapp.accounts.users import setup
from webapp.audit.models import AuditEntry
from webapp.audit.registry import EventType
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.mail import audit_events as mail_events
from webapp.outbox import audit_events as outbox_events
from webapp.outbox import service as outbox

LastEntry = Callable[[EventType], AuditEntry]

pytestmark = pytest.mark.one_database


@pytest.fixture
def pat(database: Database) -> User:
    """A user whose account is not activated yet."""
    user_id = add_user(database, "pat@example.com", state=UserState.PENDING)
    with database.read() as session:
        return session.get_one(User, user_id)


def count(database: Database, event: EventType) -> int:
    with database.read() as session:
        return len(session.scalars(select(AuditEntry.id).where(AuditEntry.event == event.key)).all())


def activation_link(database: Database, person: User) -> str:
    with database.transaction() as session:
        return links.create(session, person, LinkPurpose.ACTIVATION, clock.now() + links.CONFIRMATION_LIFETIME)


class TestSigningIn:
    """Signing in and out."""

    @pytest.mark.parametrize("email", ["max@mailroom.example", "Nobody@EXAMPLE.com"])
    def test_a_failed_login_records_the_address_and_no_account(
        self, member: Browser, stranger: Browser, last_entry: LastEntry, email: str
    ) -> None:
        stranger.submit("/login", email=email, password="wrong and long")
        entry = last_entry(accounts_events.LOGIN_FAILED)
        assert (entry.subject_email, entry.subject_id, entry.ip_address) == (email.lower(), None, "127.0.0.1")
        assert "wrong" not in json.dumps(entry.data)

    def test_a_password_in_the_field_for_the_address_is_not_recorded(
        self, stranger: Browser, last_entry: LastEntry
    ) -> None:
        stranger.submit("/login", email="P@ssw0rd of mine", password="x")
        assert last_entry(accounts_events.LOGIN_FAILED).subject_email == ""

    def test_a_user_who_signs_in_is_the_actor(self, member: Browser, last_entry: LastEntry) -> None:
        member.post("/logout")
        member.sign_in()
        assert last_entry(accounts_events.SESSION_STARTED).actor_email == member.user.email

    def test_attempts_during_a_lockout_are_not_recorded(self, stranger: Browser, database: Database) -> None:
        for _ in range(12):
            stranger.submit("/login", email="nobody@example.com", password="wrong and long")
        assert count(database, accounts_events.LOGIN_FAILED) == 10


@pytest.mark.parametrize(
    ("path", "fields", "event"),
    [
        ("/profile/address/cancel", {}, accounts_events.ADDRESS_CHANGE_CANCELLED),
        ("/logout", {}, accounts_events.SESSION_ENDED),
        ("/profile/sign-ins/2/end", {}, accounts_events.SESSION_REVOKED),
        ("/profile/sign-ins/end-others", {}, accounts_events.OTHER_SESSIONS_REVOKED),
        ("/profile/name", {"name": "Maximilian"}, accounts_events.NAME_CHANGED),
        ("/profile/address", {"email": "n@example.com", "current_password": PASSWORD},
         accounts_events.ADDRESS_CHANGE_REQUESTED),
    ],
)  # fmt: skip
def test_what_users_do_in_their_profile_is_recorded(
    member: Browser, last_entry: LastEntry, path: str, fields: dict[str, Any], event: EventType
) -> None:
    Browser(member.app, member.user.id).start_session()
    member.post("/profile/address", email="other@example.com", current_password=PASSWORD)
    member.post(path, **fields)
    entry = last_entry(event)
    assert (entry.actor_id, entry.subject_id) == (member.user.id, member.user.id)


class TestLinks:
    """Links created, opened, used and rejected."""

    def test_mailroom_itself_creates_the_link_for_an_email(
        self, administrator: Browser, inbox: Inbox, deliver: Callable[[], None], last_entry: LastEntry
    ) -> None:
        administrator.submit("/users/new", email="eve@example.com", name="Eve")
        deliver()
        entry = last_entry(accounts_events.LINK_CREATED)
        assert (entry.actor_email, entry.ip_address, entry.subject_email) == ("", "", "eve@example.com")
        assert entry.data == {"purpose": "activation"}

    def test_opening_and_using_a_link_is_recorded(
        self, stranger: Browser, database: Database, pat: User, last_entry: LastEntry
    ) -> None:
        secret = activation_link(database, pat)
        page = stranger.get(f"/activate/{secret}")
        assert (last_entry(accounts_events.LINK_OPENED).subject_id, count(database, accounts_events.LINK_USED)) == (
            pat.id,
            0,
        )
        stranger.submit_on(page, password=PASSWORD, password_confirm=PASSWORD)
        assert last_entry(accounts_events.LINK_USED).data == {"purpose": "activation"}

    def test_a_rejected_link_is_recorded_with_the_reason(
        self, stranger: Browser, database: Database, pat: User, last_entry: LastEntry
    ) -> None:
        with database.transaction() as session:
            secret = links.create(session, pat, LinkPurpose.ACTIVATION, clock.now())
        stranger.get(f"/activate/{secret}")
        entry = last_entry(accounts_events.LINK_REJECTED)
        assert (entry.subject_id, entry.data["reason"]) == (pat.id, "expired")

    def test_opening_a_link_again_and_again_does_not_flood_the_trail(
        self, stranger: Browser, database: Database, pat: User
    ) -> None:
        secret = activation_link(database, pat)
        for number in range(15):
            stranger.get(f"/activate/{secret}", follow=False)
            stranger.get(f"/reset-password/made-up-{number}", follow=False)
        assert count(database, accounts_events.LINK_OPENED) == links.AUDIT_ENTRIES_BY_LINK.times

    def test_unknown_links_do_not_flood_the_trail(self, stranger: Browser, database: Database) -> None:
        with time_machine.travel(clock.now(), tick=False):
            for number in range(links.AUDIT_ENTRIES_UNKNOWN.times + 5):
                with database.transaction() as session:
                    why, secret = LinkNotFound(), f"made-up-{number}"
                    links.record_refused(session, secret, LinkPurpose.RESET, why, f"192.0.2.{number}")
            stranger.get("/reset-password/made-up")
        assert count(database, accounts_events.LINK_REJECTED) == links.AUDIT_ENTRIES_UNKNOWN.times


class TestInstallation:
    """What administrators do."""

    def test_a_test_send_is_recorded_with_its_result(
        self, administrator: Browser, inbox: Inbox, last_entry: LastEntry
    ) -> None:
        administrator.submit("/settings/mail", "test", test_recipient="eve@example.com")
        assert last_entry(mail_events.TEST_EMAIL_SENT).subject_email == "eve@example.com"
        administrator.submit("/settings/mail", "test", test_recipient="mallory@example.com", password="wrong")
        assert last_entry(mail_events.TEST_EMAIL_FAILED).data == {"provider": "custom", "stage": "auth"}
        assert last_entry(mail_events.TEST_EMAIL_SENT).subject_email == "eve@example.com"

    def test_saving_the_mail_server_records_the_changed_fields_and_no_secret(
        self, administrator: Browser, inbox: Inbox, last_entry: LastEntry
    ) -> None:
        administrator.submit("/settings/mail", "save", timeout="25", password="typed secret")
        assert last_entry(mail_events.MAIL_SERVER_SAVED).data == {
            "provider": "custom",
            "server": "Custom",
            "changed": ["password", "timeout"],
        }

    def test_retrying_a_message_is_recorded(
        self, administrator: Browser, state: AppState, last_entry: LastEntry
    ) -> None:
        with state.database.transaction() as session:
            message_id = outbox.enqueue(session, "activated", "eve@example.com")
        administrator.submit(f"/outbox/{message_id}", "retry")
        entry = last_entry(outbox_events.MESSAGE_RETRIED)
        assert (entry.subject_email, entry.data) == ("eve@example.com", {"message": message_id})

    def test_the_first_administrator_is_recorded(
        self, stranger: Browser, database: Database, last_entry: LastEntry
    ) -> None:
        with database.transaction() as session:
            key = setup.new_setup_token(session)
        stranger.get(f"/setup?key={key}")
        stranger.submit("/setup", email="root@example.com", name="R", password=PASSWORD, password_confirm=PASSWORD)
        assert last_entry(accounts_events.SETUP_COMPLETED).subject_email == "root@example.com"

    def test_an_administrator_created_on_the_command_line_is_recorded(self, app: Flask, last_entry: LastEntry) -> None:
        arguments = ["create-admin", "root@example.com", "--password-stdin"]
        result = run_mailroom(arguments, stdin=PASSWORD, app=app)
        assert result.exit_code == 0, result.output
        assert last_entry(accounts_events.ADMINISTRATOR_CREATED).subject_email == "root@example.com"


def number_of_entries(database: Database) -> int:
    with database.read() as session:
        return len(session.scalars(select(AuditEntry.id)).all())


class TestNothingChanged:
    """What leaves things as they are leaves no entry."""

    @pytest.mark.parametrize(
        ("path", "fields"),
        [
            ("/profile/name", {"name": "Max"}),
            ("/profile/language", {"language": ""}),
            ("/profile/sign-ins/end-others", {}),
            ("/profile/address/cancel", {}),
        ],
    )
    def test_in_the_profile(self, member: Browser, database: Database, path: str, fields: dict[str, Any]) -> None:
        before = number_of_entries(database)
        member.post(path, **fields)
        assert number_of_entries(database) == before

    @pytest.mark.parametrize(
        ("page", "fields"),
        [
            ("/settings/general", {"product_name": "Acme"}),
            ("/settings/security", {"lockout_threshold": 5}),
        ],
    )
    def test_in_the_settings(
        self, administrator: Browser, database: Database, page: str, fields: dict[str, Any]
    ) -> None:
        administrator.submit(page, **fields)
        before = number_of_entries(database)
        assert "Saved." in administrator.submit(page, **fields).text
        assert number_of_entries(database) == before

    def test_of_a_webhook(self, administrator: Browser, database: Database) -> None:
        fields = {"webhook_name": "Pager", "webhook_url": "https://hooks.example", "webhook_scope": "all"}
        administrator.submit("/settings/webhooks/new", **fields)
        before = number_of_entries(database)
        assert "Saved." in administrator.submit("/settings/webhooks/1", **fields).text
        assert number_of_entries(database) == before

    def test_of_the_mail_server(self, administrator: Browser, database: Database, inbox: Inbox) -> None:
        administrator.submit("/settings/mail", "save")
        before = number_of_entries(database)
        assert administrator.submit("/settings/mail", "save").status_code == 200
        assert number_of_entries(database) == before

    @pytest.mark.parametrize("action", ["disable", "enable", "sign-out", "unlock", "role", "name"])
    def test_of_a_user(self, administrator: Browser, database: Database, action: str) -> None:
        user_state = UserState.DISABLED if action == "disable" else UserState.ACTIVE
        user_id = add_user(database, "pat@example.com", state=user_state)
        before = number_of_entries(database)
        administrator.post(f"/users/{user_id}/{action}", name="Pat", role="member", sure="1")
        assert number_of_entries(database) == before


def test_a_user_can_make_only_so_many_entries_with_changes_of_their_own(member: Browser, database: Database) -> None:
    with time_machine.travel(clock.now(), tick=False):
        answers = [member.post("/profile/name", name=f"Max {number % 2}") for number in range(62)]
    assert [answer.status_code for answer in answers[-3:]] == [200, 429, 429]
    assert count(database, accounts_events.NAME_CHANGED) == 60


def test_a_user_can_make_only_so_many_entries_by_signing_in(stranger: Browser, database: Database) -> None:
    email, answers = "ada@example.com", []
    add_user(database, email)
    with time_machine.travel(clock.now(), tick=False):
        for _ in range(122):
            answers.append(stranger.post("/login", follow=False, email=email, password=PASSWORD))
            stranger.client.delete_cookie("mailroom_session")
    assert [answer.status_code for answer in answers[-3:]] == [302, 429, 429]
    assert count(database, accounts_events.SESSION_STARTED) == 120
    # The password was right, so nothing is locked.
    assert count(database, accounts_events.LOCKOUT_STARTED) == 0
