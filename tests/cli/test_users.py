"""`mailroom users`."""

import csv

import pytest
from sqlalchemy import select

from tests.cli.conftest import Command
from tests.conftest import GetMessage
from tests.support.browser import Browser
from tests.support.users import add_user
from webapp.accounts import audit_events
from webapp.audit.models import AuditEntry
from webapp.core.database import Database

pytestmark = pytest.mark.one_database


@pytest.fixture
def eve(database: Database) -> str:
    """The address of an active user."""
    add_user(database, "eve@people.example", name="Eve Adams")
    return "eve@people.example"


def test_a_user_is_created_and_gets_an_email(mailroom: Command, get_message: GetMessage) -> None:
    user = mailroom.json("users", "add", "Grace.Hopper@people.example", "--language", "de", "--send-activation")
    assert (user["name"], user["role"], user["state"]) == ("Grace Hopper", "member", "pending")
    assert (get_message(1).kind, get_message(1).recipient) == ("activation", user["email"])


def test_the_link_of_a_new_user_is_shown_instead(mailroom: Command, stranger: Browser) -> None:
    user = mailroom.json("users", "add", "grace@people.example", "--show-link")
    page = stranger.get(user["link"].removeprefix("https://mailroom.example"))
    assert "grace@people.example" in page.text
    assert mailroom.json("outbox", "list") == []


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("grace",), "EMAIL: Enter an email address"),
        (("grace@people.example", "--name", "https://evil.example"), "--name: "),
        (("eve@people.example",), "already exists"),
        (("grace@people.example", "--role", "root"), "'--role'"),
        (("grace@people.example", "--send-activation", "--show-link"), "not both"),
    ],
)
def test_what_the_page_refuses_is_refused(
    mailroom: Command, eve: str, arguments: tuple[str, ...], problem: str
) -> None:
    assert problem in mailroom.json("users", "add", *arguments)["error"]
    assert len(mailroom.json("users", "list")) == 1


def test_users_are_listed_and_exported_by_the_filters_of_the_page(mailroom: Command, eve: str) -> None:
    mailroom("users", "add", "grace@people.example")
    assert [user["email"] for user in mailroom.json("users", "list")] == ["grace@people.example", eve]
    assert [user["email"] for user in mailroom.json("users", "list", "--search", "adam")] == [eve]
    (row,) = csv.DictReader(mailroom("users", "export", "--state", "active").stdout.splitlines())
    assert row["email"] == eve


def test_an_account_is_changed_disabled_enabled_and_deleted(mailroom: Command, eve: str) -> None:
    assert mailroom.json("users", "change", eve, "--role", "administrator", "--name", "Eva")["name"] == "Eva"
    assert mailroom.json("users", "change", eve, "--role", "member")["error"].startswith("This is the only active")
    mailroom("users", "add", "grace@people.example")
    assert mailroom.json("users", "disable", "grace@people.example")["state"] == "disabled"
    assert mailroom.json("users", "enable", "grace@people.example")["state"] == "pending"
    assert mailroom("users", "delete", "grace@people.example", stdin="n\n").exit_code == 1
    assert mailroom("users", "delete", "grace@people.example", "--yes").exit_code == 0
    assert mailroom.json("users", "list", "--state", "pending") == []


def test_the_last_administrator_can_not_be_removed(mailroom: Command, administrator: Browser) -> None:
    for action in (("disable",), ("delete", "--yes")):
        result = mailroom("users", *action, administrator.user.email)
        assert (result.exit_code, "only active administrator" in result.stderr) == (1, True)


def test_signing_out_ends_the_sessions(mailroom: Command, member: Browser) -> None:
    mailroom("users", "sign-out", member.user.email)
    assert "/login" in member.get("/profile", follow=False).location


def test_somebody_without_email_gets_a_link_to_reset_the_password(
    mailroom: Command, eve: str, stranger: Browser
) -> None:
    link = mailroom.json("users", "show-link", eve)["link"]
    assert eve in stranger.get(link.removeprefix("https://mailroom.example")).text


def test_the_audit_trail_names_the_command(
    mailroom: Command, eve: str, database: Database, administrator: Browser
) -> None:
    mailroom("users", "disable", eve)
    with database.read() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.event == audit_events.USER_DISABLED.key)).one()
    assert (entry.actor_id, entry.ip_address) == (None, "")
    assert entry.user_agent.startswith("mailroom users disable (")
    assert "Command line" in administrator.get("/audit").text


def test_an_administrator_is_created_who_can_sign_in_at_once(mailroom: Command) -> None:
    stdin = "a quite long sentence 7\n"
    user = mailroom.json("create-admin", "ada@people.example", "--password-stdin", stdin=stdin)
    assert (user["role"], user["state"], user["name"]) == ("administrator", "active", "ada")


def test_nobody_is_taken_for_somebody_else(mailroom: Command) -> None:
    assert (
        mailroom.json("users", "enable", "eve@people.example")["error"] == "Nobody has the address eve@people.example."
    )
