"""`mailroom doctor`."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.support.faulty_certificates import Company, fault
from tests.support.inbox import PASSWORD, Inbox
from tests.support.scripted import ScriptedServer

pytestmark = pytest.mark.one_database


def test_a_server_through_which_mail_can_flow_is_asked_but_sends_nothing(mailroom: Command, inbox: Inbox) -> None:
    assert mailroom("doctor").exit_code == 0
    found = mailroom.json("doctor")
    assert (found["ok"], found["failure"], found["diagnosis"]) == (True, None, None)
    assert [stage["name"] for stage in found["stages"]][-2:] == ["mail", "rcpt"]
    assert set(found["stages"][0]) == {"name", "ok", "seconds", "note"}
    assert inbox.messages == []


def test_an_email_is_sent_where_one_is_asked_for(mailroom: Command, inbox: Inbox) -> None:
    assert mailroom.json("doctor", "--send", "ada@mailroom.example")["stages"][-1]["name"] == "data"
    assert [mail["To"] for mail in inbox.messages] == ["ada@mailroom.example"]


@pytest.mark.usefixtures("inbox")
def test_a_wrong_recipient_is_named_by_its_option(mailroom: Command) -> None:
    assert "--send: " in mailroom("doctor", "--send", "nobody").stderr


def test_a_server_is_chosen_by_name_and_its_failure_explained(
    mailroom: Command, inbox: Inbox, scripted: Callable[..., ScriptedServer]
) -> None:
    server = scripted({"AUTH": "535 5.7.8 Bad credentials"}, tls="starttls")
    port = ("--port", str(server.port), "--password-stdin")
    assert mailroom("mail", "set", *port, stdin=f"{PASSWORD}\n").exit_code == 0
    result, found = mailroom("doctor", "--server", "custom"), mailroom.json("doctor", "--server", "Custom")
    assert (result.exit_code, found["ok"], found["failure"]["stage"]) == (1, False, "auth")
    assert set(found["failure"]) == {"stage", "reply", "error"}
    assert set(found["diagnosis"]) >= {"cause", "steps", "help_url", "fix", "confidence"}
    assert found["diagnosis"]["cause"] in result.stdout
    shared = mailroom("doctor", "--server", "Custom", "--share").stdout
    assert "535 5.7.8 Bad credentials" in shared
    assert "mailroom@" not in shared
    assert "There is no mail server named nobody." in mailroom("doctor", "--server", "nobody").stderr


def test_a_certificate_that_is_not_trusted_is_offered_as_a_command(
    mailroom: Command, inbox: Inbox, tmp_path: Path
) -> None:
    company = Company(tmp_path, fault(sends_authority=True))
    with ScriptedServer(tls="starttls", certificate=company.context()) as server:
        mailroom("mail", "set", "--port", str(server.port), "--password-stdin", stdin=f"{PASSWORD}\n")
        shown = mailroom("doctor").stdout
        pem = shown.partition("mailroom mail set --trusted-certificates-file - <<'END'\n")[2].partition("END\n")[0]
        (tmp_path / "password").write_text(PASSWORD)
        trust = ("--trusted-certificates-file", "-", "--password-file", str(tmp_path / "password"))
        assert mailroom("mail", "set", *trust, stdin=pem).exit_code == 0
        assert mailroom("doctor").exit_code == 0
