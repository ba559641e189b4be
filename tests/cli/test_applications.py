"""`mailroom applications`."""

import pytest
from sqlalchemy import select

from tests.cli.conftest import Command
from tests.support.applications import SECRET, add_application
from webapp.applications.credentials import InvalidCredentials, authenticate
from webapp.audit.models import AuditEntry
from webapp.core.database import Database

pytestmark = pytest.mark.one_database
HERE = "192.0.2.7"


def test_the_secret_of_a_new_application_works(mailroom: Command, database: Database) -> None:
    added = mailroom.json("applications", "add", "Shop", "--may", "send", "--may", "users", "--from", "shop.example")
    assert authenticate(database, added["secret"], HERE, added["identifier"]).allowed_senders == ["shop.example"]
    shown = mailroom.json("applications", "show", "shop")
    assert shown == {key: value for key, value in added.items() if key != "secret"} | {
        "last_used_at": shown["last_used_at"],
        "last_used_from": HERE,
    }
    assert (shown["may"], shown["messages_per_hour"], shown["networks"]) == (["send", "users"], None, [])
    with database.read() as session:
        [by] = session.scalars(select(AuditEntry.user_agent).where(AuditEntry.event == "application.created"))
    assert by.startswith("mailroom applications add")


def test_people_read_what_programs_read(mailroom: Command) -> None:
    printed = mailroom("applications", "add", "Shop", "--network", "10.0.0.0/8", "--messages-per-hour", "100").stdout
    assert "Secret:" in printed
    assert "only once" in printed
    assert mailroom("applications", "list").stdout.splitlines()[1].startswith("Shop  app_")
    assert "Networks:          10.0.0.0/8" in mailroom("applications", "show", "Shop").stdout
    [shop] = mailroom.json("applications", "list")
    assert (shop["name"], shop["may"]) == ("Shop", ["send"])


def test_a_change_keeps_what_is_not_given(mailroom: Command) -> None:
    mailroom("applications", "add", "Shop", "--may", "send", "--network", "10.0.0.0/8", "--trust-networks")
    mailroom("applications", "change", "Shop", "--new-name", "Store", "--messages-per-hour", "7")
    found = mailroom.json("applications", "change", "Store", "--no-trust-networks", "--network", "")
    assert (found["may"], found["messages_per_hour"]) == (["send"], 7)
    assert (found["networks"], found["trusts_networks"]) == ([], False)


def test_the_previous_secret_ends_after_the_overlap(mailroom: Command, database: Database) -> None:
    identifier = add_application(database).identifier
    assert len(mailroom.json("applications", "rotate", "Shop", "--overlap", "2")["secrets"]) == 2
    assert authenticate(database, SECRET, HERE)
    new = mailroom.json("applications", "rotate", identifier, "--overlap", "0")
    assert authenticate(database, new["secret"], HERE)
    with pytest.raises(InvalidCredentials):
        authenticate(database, SECRET, HERE)


def test_an_application_is_disabled_enabled_and_deleted(mailroom: Command, database: Database) -> None:
    add_application(database)
    assert mailroom.json("applications", "disable", "Shop")["disabled_at"]
    assert mailroom.json("applications", "enable", "Shop")["disabled_at"] is None
    assert mailroom("applications", "delete", "Shop", stdin="n\n").exit_code == 1
    assert mailroom("applications", "delete", "Shop", "--yes").stdout == "Shop: deleted.\n"
    assert mailroom.json("applications", "show", "Shop")["error"] == "There is no application named Shop."


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("SHOP",), "NAME: Another application has this name."),
        (("Printer", "--from", "*.example"), "--from: “*.example”"),
        (("Printer", "--network", "10.0.0.1/8"), "--network: “10.0.0.1/8” is an address in the network 10.0.0.0/8."),
        (("Printer", "--trust-networks"), "--network: Enter the networks that are trusted."),
        (("Printer", "--return-url", "http://shop.example"), "--return-url: "),
        (("Printer", "--messages-per-hour", "99999999"), "--messages-per-hour: "),
        (("Printer", "--may", "read"), "'--may'"),
    ],
)
def test_what_cannot_be_saved_is_refused(
    mailroom: Command, database: Database, arguments: tuple[str, ...], problem: str
) -> None:
    add_application(database)
    assert problem in mailroom.json("applications", "add", *arguments)["error"]
    assert len(mailroom.json("applications", "list")) == 1
