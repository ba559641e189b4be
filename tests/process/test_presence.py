"""Which workers of a machine are alive, as the system tells."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from webapp.process.presence import FOLDER, Presence

PROGRAM = """
import sys, time
from pathlib import Path
from webapp.process.presence import Presence
Presence(Path(sys.argv[1]), "other")
print("alive", flush=True)
time.sleep(60)
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Another worker, in a process of its own."""
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        yield process
        process.kill()


@pytest.fixture
def presence(tmp_path: Path) -> Iterator[Presence]:
    with closing(Presence(tmp_path, "self")) as presence:
        yield presence


def fail(_worker: str) -> None:
    raise OSError("no database")


def buried(presence: Presence) -> list[str]:
    found: list[str] = []
    presence.bury(found.append)
    return found


def test_a_worker_is_buried_once_it_was_killed(presence: Presence, other: "subprocess.Popen[bytes]") -> None:
    assert buried(presence) == []
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert (buried(presence), buried(presence)) == (["other"], [])


def test_a_worker_that_could_not_be_buried_is_found_again(presence: Presence, other: "subprocess.Popen[bytes]") -> None:
    other.kill()
    other.wait()
    with pytest.raises(OSError, match="no database"):
        presence.bury(fail)
    assert buried(presence) == ["other"]


def test_a_worker_that_stops_leaves_nothing_behind(tmp_path: Path) -> None:
    Presence(tmp_path, "self").close()
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_files_that_cannot_be_used_do_not_keep_a_dead_worker_from_being_found(
    tmp_path: Path, presence: Presence
) -> None:
    folder = tmp_path / FOLDER
    (folder / "a1.lock").mkdir()
    (folder / "a2.lock").symlink_to(tmp_path / "elsewhere")
    (folder / "% odd\n.lock").touch()
    (folder / "dead.lock").touch()
    assert buried(presence) == ["dead"]
