"""`mailroom sendmail`, as cron, PHP and git start it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.applications import IDENTIFIER, SECRET
from tests.support.running import clean
from webapp.submission import sendmail
from webapp.submission.sendmail_settings import Failed, Settings, load_settings

Accepted = Callable[[], list[tuple[str, list[str], bytes]]]
Run = Callable[..., "subprocess.CompletedProcess[str]"]

pytestmark = pytest.mark.one_database


@pytest.fixture
def environ(port: int, tmp_path: Path) -> dict[str, str]:
    """The whole configuration of somebody who can reach the port only."""
    secret, file = tmp_path / "secret", tmp_path / "sendmail.toml"
    secret.write_text(f"{SECRET}\n")
    file.write_text(f'port = {port}\nidentifier = "{IDENTIFIER}"\nsecret_file = "{secret}"\ndomain = "shop.example"\n')
    return {"MAILROOM_SENDMAIL_CONFIG": str(file)}


@pytest.fixture
def run(environ: dict[str, str], tmp_path: Path) -> Run:
    """Run the program in an empty folder with this on its standard input."""

    def run_program(written: str, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "webapp.submission.sendmail", *arguments]
        environment = clean({**environ, **more}) | {"PYTHONPATH": os.getcwd()}
        return subprocess.run(command, input=written, env=environment, cwd=tmp_path, capture_output=True, text=True)

    return run_program


def test_cron_reports_to_root(run: Run, accepted: Accepted) -> None:
    written = "From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@host> backup\n\n50%\r100%\n.\nlast\0line\n"
    done = run(written, "-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root")
    assert (done.returncode, done.stderr) == (0, "")
    ((sender, recipients, content),) = accepted()
    assert (sender, recipients) == ("root@shop.example", ["root@shop.example"])
    assert b"\r\nFrom: Cron Daemon <root@shop.example>\r\nTo: root@shop.example\r\n" in content
    assert content.endswith(b"50%=0D100%\r\n=2E\r\nlast=00line\r\n")


def test_php_sends_to_the_addresses_in_the_headers(run: Run, accepted: Accepted) -> None:
    written = "To: Ada <ada@people.example>\nSubject: Hi\nCc: bob@people.example\nBcc: eve@people.example\n\nBonjour.\n"
    done = run(written, "-t", "-i", "-f", "www@shop.example")
    assert (done.returncode, done.stderr) == (0, "")
    ((sender, recipients, content),) = accepted()
    assert sender == "www@shop.example"
    assert recipients == ["ada@people.example", "bob@people.example", "eve@people.example"]
    assert b"eve@" not in content
    assert b"\r\nFrom: www@shop.example\r\n" in content


def test_git_names_its_recipients(run: Run, accepted: Accepted) -> None:
    written = "From: Ada <ada@shop.example>\nTo: list@people.example\nSubject: [PATCH] ü\n\n+x\n..\n"
    done = run(written, "-fada@shop.example", "-oi", "--", "list@people.example", "bob@people.example")
    assert (done.returncode, done.stderr) == (0, "")
    ((sender, recipients, content),) = accepted()
    assert (sender, recipients) == ("ada@shop.example", ["list@people.example", "bob@people.example"])
    assert content.endswith(written.replace("\n", "\r\n").encode())


def test_a_dot_alone_ends_the_email_unless_it_is_to_be_ignored(run: Run, accepted: Accepted) -> None:
    run("no headers\n.\nmore\n", "-f", "a@shop.example", "-bm", "-odi", "ada@people.example")
    assert accepted()[0][2].endswith(b"\r\n\r\nno headers\r\n")


def test_failures_have_the_exit_codes_of_sysexits(run: Run, tmp_path: Path) -> None:
    text = "From: a@shop.example\n\nHi.\n"
    for arguments, given, code, words in (
        (["-bs"], {}, 64, "-bs isn't supported"),
        (["-F", "Shop\nBcc: eve@people.example"], {}, 64, "an argument has a line break"),
        (["-q"], {}, 64, "-q isn't supported"),
        (["-z"], {}, 64, "there is no option -z"),
        ([], {}, 64, "no recipients on the command line"),
        (["-t"], {}, 64, "no recipients in To, Cc and Bcc"),
        (["bad@@address"], {}, 67, "553 5.1.3"),
        (
            ["-f", "ceo@bank.example", "ada@people.example"],
            {},
            77,
            "may not send from ceo@bank.example, only from: @shop.example",
        ),
        (["ada@people.example"], {"MAILROOM_SENDMAIL_IDENTIFIER": "app_other"}, 77, "535 5.7.8"),
        (["ada@people.example"], {"MAILROOM_SENDMAIL_PORT": "9"}, 75, "127.0.0.1 port 9"),
        (["ada@people.example"], {"MAILROOM_SENDMAIL_PORT": "x"}, 78, "port must be a number"),
        (["ada@people.example"], {"MAILROOM_SENDMAIL_CONFIG": str(tmp_path / "none")}, 78, "there is no such file"),
        (["ada@people.example"], {"MAILROOM_SENDMAIL_SECRET_FILE": "/nowhere"}, 78, "secret_file /nowhere"),
    ):
        done = run(text, *arguments, **given)
        assert (done.returncode, words in done.stderr) == (code, True), done.stderr
        assert SECRET not in done.stderr


def test_content_that_no_server_takes_is_a_data_error(run: Run) -> None:
    written = f"From: a@shop.example\nContent-Type: application/pdf\n\n{'x' * 1000}\n"
    assert run(written, "ada@people.example").returncode == 65


def test_a_secret_goes_to_no_other_machine_in_the_clear(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET)
    given = {"HOST": "mail.example", "SECURITY": "none", "IDENTIFIER": "app_x", "SECRET_FILE": str(tmp_path / "secret")}
    with pytest.raises(Failed, match="no secret is sent to another machine without TLS"):
        load_settings({f"MAILROOM_SENDMAIL_{name}": value for name, value in given.items()})


def test_a_local_user_without_a_domain_is_refused_by_name() -> None:
    with pytest.raises(Failed, match="'root' has no domain"):
        sendmail.run(sendmail.parse(["-f", "a@shop.example", "root"]), Settings(), b"Hi\n")


def test_nothing_else_of_the_application_is_imported() -> None:
    code = "import sys, webapp.submission.sendmail; print(*sorted(m for m in sys.modules if m.startswith('webapp')))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    names = ("", "_content", "_settings")
    assert loaded == ["webapp", "webapp.submission", *(f"webapp.submission.sendmail{name}" for name in names)]
