"""`mailroom serve` as an operator starts it, with web server and worker in separate processes."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.running import free_port, running, until

COUNT_SENDING = "SELECT count(*) FROM messages WHERE state = 'sending'"


@dataclass(frozen=True)
class Site:
    """A running installation.

    `setup_url` creates the first administrator; `beginning` is a copy of the database right after the start.
    """

    url: str
    submission_port: int
    setup_url: str
    instance: Path
    database: Path
    beginning: sqlite3.Connection

    def start_over(self) -> None:
        """Restore the database as it was after the start, once no message is being sent."""
        with closing(_opened(self.database)) as live:
            live.execute("DELETE FROM messages WHERE state = 'queued'")
            until(lambda: live.execute(COUNT_SENDING).fetchone() == (0,))
            self.beginning.backup(live)


@contextmanager
def running_site(folder: Path, name_servers: str) -> Iterator[Site]:
    """Run a new installation in this folder until the end of the block."""
    port, submission_port, instance = free_port(), free_port(), folder / "instance"
    environ = {
        "MAILROOM_INSTANCE": str(instance),
        "MAILROOM_SUBMISSION": f"127.0.0.1:{submission_port}",
        "MAILROOM_NAME_SERVERS": name_servers,
    }
    with (
        running(folder, "serve", "--port", str(port), "--processes", "1", environ=environ) as mailroom,
        closing(_opened(":memory:")) as beginning,
    ):
        mailroom.wait_for("/setup?key=")
        setup_url = re.findall(r"http\S+/setup\?key=\S+", mailroom.out)[0]
        database = instance / "mailroom.sqlite"
        with closing(_opened(database)) as live:
            live.backup(beginning)
        yield Site(f"http://127.0.0.1:{port}", submission_port, setup_url, instance, database, beginning)


def _opened(database: Path | str) -> sqlite3.Connection:
    return sqlite3.connect(database, timeout=30, isolation_level=None)
