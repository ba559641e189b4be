"""`mailroom mail`."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.conftest import PUBLIC_URL
from tests.support.inbox import PASSWORD, Inbox
from tests.support.scripted import ScriptedServer
from webapp.cli.mail_options import HELP
from webapp.core.app_state import AppState
from webapp.mail import servers
from webapp.mail.servers import COLUMNS, TRUST

pytestmark = pytest.mark.one_database


@pytest.fixture
def password_file(tmp_path: Path) -> str:
    """A file with the password of the inbox."""
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\n")
    return str(path)


def settings_of(server: Inbox | ScriptedServer) -> list[str]:
    """Options for a server on this machine, with TLS, that wants a password."""
    options = ["--host", server.host, "--port", str(server.port), "--security", "starttls", "--provider", "custom"]
    return [*options, "--username", "mailroom@mailroom.example", "--mail-from", "mailroom@mailroom.example"]


def test_a_test_email_arrives_and_the_exit_code_is_0(mailroom: Command, inbox: Inbox) -> None:
    result = mailroom("mail", "test", "--to", "ada@mailroom.example")
    assert (result.exit_code, f"{PUBLIC_URL}/settings/mail/round-trips/1" in result.stdout) == (0, True)
    test = mailroom.json("mail", "test", "--to", "ada@mailroom.example")
    assert (test["ok"], test["failure"], test["diagnosis"]) == (True, None, None)
    assert [stage["name"] for stage in test["stages"]][-4:] == ["auth", "mail", "rcpt", "data"]
    assert all(stage["ok"] and stage["seconds"] >= 0 for stage in test["stages"])
    assert [mail["To"] for mail in inbox.messages] == ["ada@mailroom.example"] * 2


def test_a_failed_test_says_what_it_means_in_the_servers_words_and_ours(
    mailroom: Command, scripted: Callable[..., ScriptedServer], password_file: str
) -> None:
    server = scripted({"AUTH": "535 5.7.8 Bad \x1b[31mcredentials"}, tls="starttls")
    mailroom("mail", "set", *settings_of(server), "--password-file", password_file)
    result = mailroom("mail", "test", "--to", "ada@mailroom.example")
    test = mailroom.json("mail", "test", "--to", "ada@mailroom.example")
    assert (result.exit_code, test["ok"], test["failure"]["stage"]) == (1, False, "auth")
    assert test["failure"]["reply"].startswith("535 5.7.8 Bad")
    assert test["diagnosis"]["cause"] in result.stdout
    assert set(test["diagnosis"]) == {"cause", "steps", "help_url", "fix", "confidence", "evidence"}
    assert "\x1b" not in result.output
    assert PASSWORD not in result.output


def test_a_fix_is_offered_as_a_command(mailroom: Command, inbox: Inbox) -> None:
    mailroom("mail", "set", "--security", "tls", "--password-stdin", stdin=f"{PASSWORD}\n")
    result = mailroom("mail", "test", "--server", "Custom", "--to", "ada@mailroom.example")
    assert "mailroom mail set --server Custom --security starttls" in result.stdout


def test_saved_settings_are_shown_without_the_secret(mailroom: Command, inbox: Inbox, password_file: str) -> None:
    saved = mailroom.json("mail", "set", *settings_of(inbox), "--timeout", "7", "--password-file", password_file)
    assert (saved["saved"], saved["draft"], saved["works_without_more"]) == (True, False, True)
    shown, text = mailroom.json("mail", "show"), mailroom("mail", "show").stdout
    assert (shown["timeout"], shown["host"], shown["updated_by"]) == (7, inbox.host, "command line")
    assert shown["secrets"]["password"]["saved_at"].endswith("Z")
    assert PASSWORD not in text + str(shown)
    assert mailroom.json("mail", "test", "--to", "ada@mailroom.example")["ok"]


def test_a_test_before_saving_keeps_what_does_not_work_out(mailroom: Command, inbox: Inbox, state: AppState) -> None:
    arguments = ("mail", "set", "--timeout", "7", "--username", "somebody@else.example", "--password-stdin", "--test")
    refused = mailroom.json(*arguments, "--to", "ada@mailroom.example", stdin="wrong\n")
    assert (refused["saved"], refused["test"]["failure"]["stage"]) == (False, "auth")
    mailroom("mail", "set", "--goes-back")
    accepted = mailroom.json("mail", "set", "--timeout", "8", "--test", "--to", "ada@mailroom.example")
    assert (accepted["saved"], accepted["test"]["ok"]) == (True, True)
    with state.database.read() as session:
        server = servers.primary(session)
    assert server is not None
    assert (server.timeout, server.username, server.goes_back) == (8, "mailroom@mailroom.example", True)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--port", "99999"), "--port: Enter a port from 1 to 65535."),
        (("--provider", "acme"), "--provider: "),
        (("--host", "elsewhere.example"), "--password-file: Enter “Password” again"),
        (("--mail-from", "nobody"), "--mail-from: "),
        (("--field", "region=eu"), "--field region: Custom has no such field."),
        (("--field", "region"), "--field"),
    ],
)
def test_what_the_form_refuses_is_said_at_the_option(
    mailroom: Command, inbox: Inbox, arguments: tuple[str, ...], problem: str
) -> None:
    assert problem in mailroom.json("mail", "set", *arguments)["error"]
    assert mailroom.json("mail", "show")["host"] == inbox.host


def test_servers_are_added_ordered_named_and_deleted(mailroom: Command, inbox: Inbox, password_file: str) -> None:
    added = mailroom.json("mail", "add", *settings_of(inbox), "--timeout", "7", "--password-file", password_file)
    kept = mailroom.json("mail", "copy", "--server", added["server"])["name"]
    mailroom("mail", "assign", "--server", added["server"], "--name", "Spare", "--for-domain", "news.example")
    listed = mailroom("mail", "list").stdout.splitlines()
    assert [line.split("  ")[0] for line in listed[1:]] == ["Custom", "Spare", kept]
    assert ["first" in listed[1], "for news.example" in listed[2], "draft" in listed[3]] == [True] * 3
    refused = mailroom("mail", "move", "--server", "spare", "up")
    assert (refused.exit_code, refused.stderr) == (
        1,
        "Error: The first mail server is for all email. This one is only for certain senders or applications.\n",
    )
    mailroom("mail", "assign", "--server", "Spare", "--for-domain", "")
    assert mailroom("mail", "use", "--server", "Spare").stdout == "All email goes through Spare now.\n"
    mailroom("mail", "set", "--server", kept, "--timeout", "9", "--draft")
    mailroom("mail", "delete", "--server", "Custom", "--yes")
    servers = mailroom.json("mail", "list")
    assert [(one["name"], one["position"], one["timeout"]) for one in servers] == [("Spare", 0, 7), (kept, None, 9)]


def test_a_revision_is_listed_and_restored(mailroom: Command, inbox: Inbox, password_file: str) -> None:
    mailroom("mail", "set", *settings_of(inbox), "--timeout", "7", "--password-file", password_file)
    mailroom("mail", "set", "--timeout", "8")
    assert "timeout" in mailroom("mail", "revisions").stdout.splitlines()[1]
    assert mailroom("mail", "restore", "1").stdout.endswith("revision 1 is restored.\n")
    newest = mailroom.json("mail", "revisions")[0]
    assert (newest["number"], newest["restored_from"], newest["settings"]["timeout"]) == (3, 1, 7)
    assert "There is no revision 9." in mailroom("mail", "restore", "9").stderr


def test_the_help_of_the_settings_has_headings(mailroom: Command) -> None:
    text = mailroom("mail", "set", "--help").stdout
    assert text.index("OAuth2:") < text.index("--client-id") < text.index("Connection:") < text.index("--port")


def test_without_a_mail_server_the_commands_say_what_to_do(mailroom: Command) -> None:
    for command in ("show", "test"):
        result = mailroom("mail", command)
        assert (result.exit_code, "Use `mailroom mail set`." in result.stderr) == (1, True)


def test_there_is_an_option_for_each_field() -> None:
    assert {*HELP, *TRUST} == set(COLUMNS)
