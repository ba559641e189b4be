"""`mailroom serve` and its supervisor, `upgrade`, `create-admin`; how wrong configuration is reported."""

import logging
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import psutil
import psycopg
import pytest
from click.testing import Result
from sqlalchemy import inspect

from tests.support.command import run_mailroom
from tests.support.postgresql import PostgreSQL
from tests.support.running import Mailroom, Visitor, free_port, running, until
from webapp.accounts import service as accounts
from webapp.accounts.models import Role
from webapp.core.config import PREFIX
from webapp.core.database import Database
from webapp.process.listen_address import ListenAddress, find_free_port

PASSWORD = "a quite long sentence 7"
SECRET_KEY = "a secret key for the tests"
Run = Callable[..., Result]


@pytest.fixture
def new_database_url(database_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database without any tables."""
    if database_kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'new.sqlite'}"
    else:
        postgresql: PostgreSQL = request.getfixturevalue("postgresql")
        with postgresql.fresh() as url:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("DROP SCHEMA public CASCADE")
                connection.execute("CREATE SCHEMA public")
            yield url


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Run `mailroom` in this process; keyword arguments are settings."""
    handlers = logging.getLogger().handlers[:]

    def run(*arguments: str, stdin: str = "", **settings: str) -> Result:
        given = {"INSTANCE": str(tmp_path / "instance"), "SECRET_KEY": SECRET_KEY} | settings
        environ: dict[str, str | None] = {name: None for name in os.environ if name.startswith(PREFIX)}
        environ |= {PREFIX + name: value for name, value in given.items()}
        return run_mailroom(arguments, stdin, environ)

    yield run
    logging.getLogger().handlers = handlers


def in_one_line(result: Result, code: int) -> str:
    assert result.exit_code == code, result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1, result.stderr
    return lines[0]


def test_upgrade_creates_the_tables_and_can_be_repeated(run: Run, new_database_url: str) -> None:
    for _ in range(2):
        assert run("upgrade", DATABASE_URL=new_database_url).exit_code == 0
        database = Database(new_database_url)
        tables = inspect(database.engine).get_table_names()
        database.engine.dispose()
        assert {"users", "messages", "mail_servers", "alembic_version"} <= set(tables)


def test_create_admin_creates_an_active_administrator(run: Run, new_database_url: str) -> None:
    arguments = ("create-admin", "Ada@Mailroom.example", "--name", "Ada Lovelace", "--password-stdin")
    result = run(*arguments, stdin=f"{PASSWORD}\n", DATABASE_URL=new_database_url)
    assert result.exit_code == 0, result.output
    database = Database(new_database_url)
    with database.read() as session:
        ada = accounts.find_by_email(session, "ada@mailroom.example")
    database.engine.dispose()
    assert ada is not None
    assert (ada.role, ada.name, PASSWORD in (ada.password_hash or "")) == (Role.ADMINISTRATOR, "Ada Lovelace", False)


@pytest.mark.parametrize("name", ["Ada\0Lovelace", "Ada " * 51, "https://evil.example"])
def test_create_admin_refuses_a_name_that_the_pages_refuse(run: Run, name: str) -> None:
    refused = run("create-admin", "ada@mailroom.example", "--name", name, "--password-stdin", stdin=f"{PASSWORD}\n")
    assert in_one_line(refused, 1).startswith("Error: This name can't be used.")


def test_create_admin_refuses_an_address_that_is_taken(run: Run) -> None:
    run("create-admin", "ada@mailroom.example", "--password-stdin", stdin=f"{PASSWORD}\n")
    again = run("create-admin", "ADA@mailroom.example", "--password-stdin", stdin=f"{PASSWORD}\n")
    assert in_one_line(again, 1) == "Error: ADA@mailroom.example already has an account."


@pytest.mark.parametrize(
    ("email", "stdin", "problem"),
    [
        ("ada", f"{PASSWORD}\n", "Enter an email address"),
        ("ada@mailroom.example", "short\n", "Too short"),
        ("ada@mailroom.example", "", "Too short"),
        ("ada@mailroom.example", "no page takes\ta tab\n", "invisible character"),
    ],
)
def test_create_admin_says_what_is_wrong(run: Run, email: str, stdin: str, problem: str) -> None:
    assert problem in in_one_line(run("create-admin", email, "--password-stdin", stdin=stdin), 1)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"LOG_FORMAT": "xml"}, "MAILROOM_LOG_FORMAT"),
        ({"DATABASE_URL": "nonsense"}, "MAILROOM_DATABASE_URL"),
        ({"DATABASE_URL": "oracle://db/mailroom"}, "MAILROOM_DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://me:hidden@127.0.0.1:1/mailroom"}, "MAILROOM_DATABASE_URL"),
        (
            {"DATABASE_URL": "postgresql://me:half@a:hidden@db.example/x"},
            "MAILROOM_DATABASE_URL: the port is not a number",
        ),
        ({"DATABASE_URL": "sqlite:////nowhere/at/all"}, "MAILROOM_DATABASE_URL"),
        ({"PLUGIN_DIR": "/nowhere/at/all"}, "/nowhere/at/all"),
        ({"INSTANCE": "/dev/null/instance"}, "/dev/null/instance"),
    ],
)
def test_an_invalid_setting_is_reported_in_one_line(run: Run, settings: dict[str, str], problem: str) -> None:
    message = in_one_line(run("serve", **settings), 2)
    assert problem in message
    assert "hidden" not in message


def test_an_invalid_plugin_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import nothing_of_this_name")
    assert "broken.py" in in_one_line(run("serve", PLUGIN_DIR=str(tmp_path)), 2)


def test_the_version_is_that_of_the_package(run: Run) -> None:
    assert run("--version").output == f"mailroom {version('mailroom')}\n"


def test_a_port_that_is_taken_is_reported(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port}: Address already in use" in in_one_line(run("serve", "--port", str(port)), 2)


def test_a_web_process_without_its_socket_says_what_to_use(run: Run) -> None:
    assert "Use `mailroom serve`" in in_one_line(run("web"), 2)


def test_the_next_free_port_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert port < find_free_port(ListenAddress("127.0.0.1", port)).port < port + 100


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:80"), ("0.0.0.0", "http://127.0.0.1:80"), ("::", "http://[::1]:80")],
)
def test_a_listen_address_is_shown_as_a_url_for_this_machine(host: str, url: str) -> None:
    assert ListenAddress(host, 80).url == url


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Mailroom, str]]:
    """A running `mailroom serve` and its URL; tests leave it running."""
    port, folder = free_port(), tmp_path_factory.mktemp("served")
    with running(folder, "serve", "--port", str(port), "--processes", "1", "--threads", "4") as mailroom:
        mailroom.wait_for("Mailroom is listening on")
        mailroom.wait_for("worker started")
        yield mailroom, f"http://127.0.0.1:{port}"


@pytest.fixture
def with_administrator(tmp_path: Path, run: Run) -> Iterator[tuple[Mailroom, str]]:
    """One with an administrator, and a plugin whose hook wants to end the process."""
    run("create-admin", "ada@mailroom.example", "--password-stdin", stdin=f"{PASSWORD}\n")
    hook = "from webapp.providers import hookimpl\n@hookimpl\ndef register_smtp_provider():\n    raise SystemExit"
    (tmp_path / "quitter.py").write_text(hook)
    port = free_port()
    environ = {"MAILROOM_PLUGIN_DIR": str(tmp_path), "MAILROOM_SECRET_KEY": SECRET_KEY}
    with running(tmp_path, "serve", "--port", str(port), "--processes", "1", environ=environ) as mailroom:
        mailroom.wait_for("Mailroom is listening on")
        mailroom.wait_for("worker started")
        yield mailroom, f"http://127.0.0.1:{port}"


def children(mailroom: Mailroom, name: str) -> list[psutil.Process]:
    everything = psutil.Process(mailroom.process.pid).children()
    return [process for process in everything if name in process.cmdline()]


def test_the_setup_url_is_printed_while_there_is_no_administrator(served: tuple[Mailroom, str]) -> None:
    mailroom, address = served
    (setup,) = re.findall(rf"{address}/setup\?key=\S+", mailroom.out)
    assert Visitor(address).get(setup).status == 200


def test_serve_restarts_a_worker_that_died(served: tuple[Mailroom, str]) -> None:
    mailroom, _ = served
    children(mailroom, "worker")[0].kill()
    mailroom.wait_for("worker started", times=2)
    assert "process ended; restarting" in mailroom.errors


def test_serve_restarts_a_web_server_that_died(served: tuple[Mailroom, str]) -> None:
    mailroom, address = served
    (old,) = children(mailroom, "web")
    everything = [old, *old.children(recursive=True)]
    old.kill()
    psutil.wait_procs(everything, timeout=10)
    until(lambda: answers(address))
    assert Visitor(address).get("/readyz").status == 200


def test_serve_goes_on_without_a_plugin_and_stops_everything_on_sigterm(
    with_administrator: tuple[Mailroom, str],
) -> None:
    mailroom, address = with_administrator
    everything = psutil.Process(mailroom.process.pid).children(recursive=True)
    assert ("plugin failed" in mailroom.errors, "setup" in mailroom.out) == (True, False)
    assert mailroom.stop() == 0
    assert not psutil.wait_procs(everything, timeout=20)[1]
    assert "worker stopped" in mailroom.errors
    assert not answers(address)


def test_nothing_outlives_a_killed_supervisor(with_administrator: tuple[Mailroom, str]) -> None:
    mailroom, address = with_administrator
    everything = psutil.Process(mailroom.process.pid).children(recursive=True)
    mailroom.process.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(everything, timeout=60)
    assert not alive
    assert not answers(address)


def answers(address: str) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port_of(address)), timeout=1).close()
    except OSError:
        return False
    return True


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])
