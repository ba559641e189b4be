"""`mailroom settings show` and `set`."""

import pytest

from tests.cli.conftest import Command
from webapp.core.database import Database
from webapp.settings import declared
from webapp.settings.declared import SECURITY, Declared

pytestmark = pytest.mark.one_database


def test_a_setting_is_changed_and_the_others_stay(mailroom: Command) -> None:
    before = mailroom.json("settings", "show")
    assert mailroom.json("settings", "set", "session_minutes", "2880") == {"session_minutes": 2880}
    assert mailroom.json("settings", "set", "password_reject_common", "no") == {"password_reject_common": False}
    assert mailroom.json("settings", "set", "product_name", " Acme ") == {"product_name": "Acme"}
    after = mailroom.json("settings", "show")
    assert after["general"] == before["general"] | {"product_name": "Acme"}
    assert after["security"] == before["security"] | {"session_minutes": 2880, "password_reject_common": False}
    assert mailroom("settings", "show", "session_minutes").stdout == "2880\n"


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("support_address", "nobody", "support_address: Enter an email address"),
        ("send_to", "domains", "send_to_domains: Enter the domains that get email."),
        ("session_minutes", "20", "session_idle_minutes: This can't be longer than the maximum session length"),
        ("password_min_length", "seven", "password_min_length: "),
        ("password_reject_common", "perhaps", "not a valid boolean"),
        ("colour", "red", "is not one of"),
    ],
)
def test_what_the_page_refuses_is_refused(mailroom: Command, name: str, value: str, problem: str) -> None:
    before = mailroom.json("settings", "show")
    assert problem in mailroom.json("settings", "set", name, value)["error"]
    assert mailroom.json("settings", "show") == before


def test_what_the_settings_file_sets_is_changed_there(mailroom: Command, database: Database) -> None:
    with database.transaction() as session:
        declared.add(session, [Declared(SECURITY, "lockout_threshold")])
    refused = mailroom("settings", "set", "lockout_threshold", "5")
    assert (refused.exit_code, "change it there" in refused.stderr) == (1, True)
    assert "The settings file sets lockout_threshold." in mailroom("settings", "show").stdout


def test_who_gets_email_is_changed_and_shown_by_the_status(mailroom: Command) -> None:
    assert mailroom.json("status")["recipients"] is None
    mailroom("settings", "set", "send_to_domains", "example.com,*.example.org")
    assert mailroom.json("settings", "set", "send_to", "domains") == {"send_to": "domains"}
    assert mailroom.json("status")["recipients"] == ["example.com", "*.example.org"]
    assert "example.com, *.example.org" in mailroom("status").stdout
    mailroom("settings", "set", "send_to", "nobody")
    assert "nobody" in mailroom("status").stdout
