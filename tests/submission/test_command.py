"""`mailroom submission`, as an operator runs it."""

import socket
from pathlib import Path

import pytest

from tests.support.command import run_mailroom
from tests.support.running import free_port, running, until


@pytest.mark.parametrize(
    ("command", "address", "problem"),
    [("serve", "127.0.0.1:{taken}", "in use"), ("submission", "", "MAILROOM_SUBMISSION is not set")],
)
def test_a_taken_or_missing_address_is_said_before_anything_runs(
    tmp_path: Path, command: str, address: str, problem: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environ = {
            "MAILROOM_INSTANCE": str(tmp_path),
            "MAILROOM_SUBMISSION": address.format(taken=taken.getsockname()[1]),
        }
        refused = run_mailroom(
            [command, *(["--port", str(free_port())] if command == "serve" else [])], environ=environ
        )
    assert (refused.exit_code, problem in refused.stderr) == (2, True)


def test_it_runs_alone_and_stops_when_it_is_asked_to(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path, "submission", environ={"MAILROOM_SUBMISSION": f"127.0.0.1:{port}"}) as mailroom:
        mailroom.wait_for("submission started")
        with socket.create_connection(("127.0.0.1", port)) as connection:
            assert connection.recv(100).startswith(b"220 ")
            assert mailroom.stop() == 0
        until(lambda: "submission stopped" in mailroom.errors)
