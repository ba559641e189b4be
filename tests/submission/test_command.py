"""`mailroom submission`, as an operator runs it."""

import socket
from pathlib import Path

from tests.support.running import free_port, running, until


def test_a_taken_or_missing_address_is_said_before_anything_runs(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for number, (command, environ, words) in enumerate(
            (
                (["serve", "--port", str(free_port())], {"MAILROOM_SUBMISSION": f"127.0.0.1:{port}"}, "in use"),
                (["submission"], {}, "MAILROOM_SUBMISSION is not set"),
            )
        ):
            folder = tmp_path / str(number)
            folder.mkdir()
            with running(folder, *command, environ=environ) as mailroom:
                assert mailroom.process.wait(60) == 2
                assert words in mailroom.errors


def test_it_runs_alone_and_stops_when_it_is_asked_to(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path, "submission", environ={"MAILROOM_SUBMISSION": f"127.0.0.1:{port}"}) as mailroom:
        mailroom.wait_for("submission started")
        with socket.create_connection(("127.0.0.1", port)) as connection:
            assert connection.recv(100).startswith(b"220 ")
            assert mailroom.stop() == 0
        until(lambda: "submission stopped" in mailroom.errors)
