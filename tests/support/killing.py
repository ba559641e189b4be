"""`mailroom serve` with an SMTP server, whose processes are killed while clients hand in email."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.support.applications import add_application
from tests.support.handing_in import Clients
from tests.support.running import Mailroom, free_port, running
from webapp.core.config import Config
from webapp.core.database import Database


@dataclass(frozen=True)
class Installation:
    """Mailroom and its clients, while they run."""

    mailroom: Mailroom
    clients: Clients

    def kill(self, name: str) -> None:
        """Kill the process that runs this command; the supervisor starts it again."""
        for child in psutil.Process(self.mailroom.process.pid).children():
            if name in child.cmdline():
                child.kill()

    def wait_for_emails(self, number: int, seconds: float = 60) -> None:
        """Wait until so many more were accepted."""
        wanted, deadline = len(self.clients.accepted) + number, time.monotonic() + seconds
        while len(self.clients.accepted) < wanted:
            assert time.monotonic() < deadline, f"not {number} emails in {seconds} s"
            time.sleep(0.01)

    def kill_now_and_then(self, kills: Callable[[], None], number: int) -> None:
        """Kill something so many times, each at a random moment while emails are accepted."""
        for _ in range(number):
            self.wait_for_emails(20)
            time.sleep(random.uniform(0, 0.3))
            kills()


@contextmanager
def installation(folder: Path, config: Config, database: Database) -> Iterator[Installation]:
    """Run it until the end of the block, in which the clients have to be stopped."""
    add_application(database)
    port = free_port()
    names = ("instance", "database_url", "queue_url", "secret_key")
    environ = {f"MAILROOM_{name.upper()}": str(getattr(config, name)) for name in names}
    environ["MAILROOM_SUBMISSION"] = f"127.0.0.1:{port}"
    with running(folder, "serve", "--port", str(free_port()), "--processes", "1", environ=environ) as mailroom:
        mailroom.wait_for("submission started")
        mailroom.wait_for("worker started")
        yield Installation(mailroom, Clients(port))
