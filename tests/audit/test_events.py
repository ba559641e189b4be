"""What is put into the trail, and that nobody can fill it at will."""

import json
from collections.abc import Callable

import pytest
import time_machine
from click.testing import CliRunner
from flask import Flask
from flask.cli import ScriptInfo
from sqlalchemy import select

from tests.support.browser import PASSWORD, Browser
from tests.support.inbox import Inbox
from tests.support.people import add_person
from webapp.accounts import events as accounts_events
from webapp.accounts.links import openings
from webapp.accounts.links import service as links
from webapp.accounts.models import LinkPurpose, User, UserState
from webapp.accounts.users import setup
from webapp.audit.models import AuditEntry
from webapp.audit.registry import EventType
from webapp.cli import main
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.mail import events as mail_events
from webapp.outbox import events as outbox_events
from webapp.outbox import service as outbox

Told = Callable[[EventType], AuditEntry]

pytestmark = pytest.mark.one_database


@pytest.fixture
def pat(database: Database) -> User:
    """A person who has not activated the account yet."""
    user_id = add_person(database, "pat@example.com", state=UserState.PENDING)
    with database.read() as session:
        return session.get_one(User, user_id)


def count(database: Database, event: EventType) -> int:
    with database.read() as session:
        return len(session.scalars(select(AuditEntry.id).where(AuditEntry.event == event.key)).all())


def activation_link(database: Database, person: User) -> str:
    with database.transaction() as session:
        return links.create(session, person, LinkPurpose.ACTIVATION, clock.now() + links.CONFIRMATION_LIFETIME)


class TestSigningIn:
    """In, out, and not."""

    @pytest.mark.parametrize("email", ["max@mailroom.example", "nobody@example.com"])
    def test_a_failure_says_what_was_typed_whoever_has_it(
        self, member: Browser, stranger: Browser, told: Told, email: str
    ) -> None:
        stranger.submit("/login", email=email, password="wrong and long")
        entry = told(accounts_events.LOGIN_FAILED)
        assert (entry.person_email, entry.person_id, entry.client) == (email, None, "127.0.0.1")
        assert "wrong" not in json.dumps(entry.facts)

    def test_who_signs_in_did_it(self, member: Browser, told: Told) -> None:
        member.post("/logout")
        member.sign_in()
        assert told(accounts_events.SESSION_STARTED).by_email == member.user.email

    def test_a_failure_is_found_however_the_address_was_typed(self, stranger: Browser, told: Told) -> None:
        stranger.submit("/login", email="Nobody@EXAMPLE.com", password="wrong and long")
        assert told(accounts_events.LOGIN_FAILED).person_email == "nobody@example.com"

    def test_refused_tries_write_nothing(self, stranger: Browser, database: Database) -> None:
        for _ in range(12):
            stranger.submit("/login", email="nobody@example.com", password="wrong and long")
        assert count(database, accounts_events.LOGIN_FAILED) == 10

    def test_signing_out_is_told(self, member: Browser, told: Told) -> None:
        member.post("/logout")
        assert told(accounts_events.SESSION_ENDED).person_email == "max@mailroom.example"

    def test_ending_other_sign_ins_is_told(self, member: Browser, told: Told) -> None:
        Browser(member.app, member.user.id).let_in()
        member.post("/profile/sign-ins/2/end")
        assert told(accounts_events.SESSION_REVOKED).person_id == member.user.id
        member.post("/profile/sign-ins/end-others")
        assert told(accounts_events.OTHER_SESSIONS_REVOKED).person_id == member.user.id

    def test_a_wrong_password_typed_again_is_told(self, administrator: Browser, database: Database) -> None:
        administrator.submit("/profile", email="new@example.com", current_password="wrong")
        assert count(database, accounts_events.REAUTHENTICATION_FAILED) == 1


class TestProfiles:
    """What people do to their own account."""

    def test_a_new_name_is_told(self, member: Browser, told: Told) -> None:
        member.submit("/profile", name="Maximilian")
        assert told(accounts_events.NAME_CHANGED).by_id == member.user.id

    def test_an_address_that_is_asked_for_and_cancelled_is_told(self, member: Browser, told: Told) -> None:
        member.submit("/profile", email="new@example.com", current_password=PASSWORD)
        assert told(accounts_events.ADDRESS_CHANGE_REQUESTED).person_email == "max@mailroom.example"
        member.post("/profile/address/cancel")
        assert told(accounts_events.ADDRESS_CHANGE_CANCELLED).person_id == member.user.id

    def test_cancelling_nothing_is_not_told(self, member: Browser, database: Database) -> None:
        member.post("/profile/address/cancel")
        assert count(database, accounts_events.ADDRESS_CHANGE_CANCELLED) == 0


class TestLinks:
    """Made, opened, used, refused."""

    def test_a_link_for_a_mail_is_made_by_mailroom_itself(
        self, administrator: Browser, inbox: Inbox, deliver: Callable[[], None], told: Told
    ) -> None:
        administrator.submit("/users/new", email="eve@example.com", name="Eve")
        deliver()
        entry = told(accounts_events.LINK_CREATED)
        assert (entry.by_email, entry.client, entry.person_email) == ("", "", "eve@example.com")
        assert entry.facts == {"purpose": "activation"}

    def test_opening_and_using_one_is_told(self, stranger: Browser, database: Database, pat: User, told: Told) -> None:
        secret = activation_link(database, pat)
        page = stranger.get(f"/activate/{secret}")
        assert (told(accounts_events.LINK_OPENED).person_id, count(database, accounts_events.LINK_USED)) == (pat.id, 0)
        stranger.submit_on(page, password=PASSWORD, password_confirm=PASSWORD)
        assert told(accounts_events.LINK_USED).facts == {"purpose": "activation"}

    def test_a_refused_one_says_why(self, stranger: Browser, database: Database, pat: User, told: Told) -> None:
        with database.transaction() as session:
            secret = links.create(session, pat, LinkPurpose.ACTIVATION, clock.now())
        stranger.get(f"/activate/{secret}")
        entry = told(accounts_events.LINK_REJECTED)
        assert (entry.person_id, entry.facts["reason"]) == (pat.id, "LinkExpired")

    def test_nobody_fills_the_trail_by_opening_links(self, stranger: Browser, database: Database, pat: User) -> None:
        secret = activation_link(database, pat)
        for number in range(15):
            stranger.get(f"/activate/{secret}", follow=False)
            stranger.get(f"/reset-password/made-up-{number}", follow=False)
        assert count(database, accounts_events.LINK_OPENED) == openings.BY_LINK.times

    def test_nobody_fills_the_trail_with_links_that_do_not_exist(self, stranger: Browser, database: Database) -> None:
        with time_machine.travel(clock.now(), tick=False):
            for number in range(openings.UNKNOWN.times + 5):
                with database.transaction() as session:
                    why, secret = links.LinkNotFound(), f"made-up-{number}"
                    openings.record_refused(session, secret, LinkPurpose.RESET, why, f"192.0.2.{number}")
            stranger.get("/reset-password/made-up")
        assert count(database, accounts_events.LINK_REJECTED) == openings.UNKNOWN.times

    def test_a_page_that_nobody_opened_with_a_link_tells_nothing(self, stranger: Browser, database: Database) -> None:
        stranger.get("/activate")
        assert count(database, accounts_events.LINK_REJECTED) == 0


class TestTheInstallation:
    """What administrators do to it."""

    def test_a_test_mail_is_told_with_its_result(self, administrator: Browser, inbox: Inbox, told: Told) -> None:
        administrator.submit("/settings/mail", "test", test_recipient="eve@example.com")
        entry = told(mail_events.TEST_SEND_FINISHED)
        assert (entry.person_email, entry.facts["passed"]) == ("eve@example.com", True)
        administrator.submit("/settings/mail", "test", test_recipient="eve@example.com", password="wrong")
        facts = told(mail_events.TEST_SEND_FINISHED).facts
        assert (facts["passed"], facts["stage"]) == (False, "auth")

    def test_a_saved_mail_server_names_what_changed_and_no_secret(
        self, administrator: Browser, inbox: Inbox, told: Told
    ) -> None:
        administrator.submit("/settings/mail", "save", timeout="25", password="typed secret")
        assert told(mail_events.MAIL_SERVER_SAVED).facts == {"provider": "custom", "changed": ["password", "timeout"]}

    def test_a_message_tried_again_by_hand_is_told(self, administrator: Browser, parts: AppState, told: Told) -> None:
        with parts.database.transaction() as session:
            message = outbox.enqueue(session, "activated", "eve@example.com")
        administrator.submit(f"/outbox/{message.id}", "retry")
        entry = told(outbox_events.MESSAGE_RETRIED)
        assert (entry.person_email, entry.facts) == ("eve@example.com", {"message": message.id})

    def test_the_first_administrator_is_told(self, stranger: Browser, database: Database, told: Told) -> None:
        with database.transaction() as session:
            key = setup.new_setup_token(session)
        stranger.get(f"/setup?key={key}")
        stranger.submit("/setup", email="root@example.com", name="R", password=PASSWORD, password_confirm=PASSWORD)
        assert told(accounts_events.SETUP_COMPLETED).person_email == "root@example.com"

    def test_an_administrator_of_the_command_line_is_told(self, app: Flask, told: Told) -> None:
        arguments = ["create-admin", "root@example.com", "--password-stdin"]
        result = CliRunner().invoke(main, arguments, input=PASSWORD, obj=ScriptInfo(create_app=lambda: app))
        assert result.exit_code == 0, result.output
        assert told(accounts_events.ADMINISTRATOR_CREATED).person_email == "root@example.com"
