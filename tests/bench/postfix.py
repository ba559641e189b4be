"""Postfix, with a configuration and a queue of its own, that accepts all email and holds it."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.sink import wait_for_port
from tests.support.running import free_port

MISSING = (
    "Postfix is not installed or this is not root, so nothing is compared with it. Debian has the package postfix."
)
MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = postfix.example
mydestination =
alias_maps =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_client_restrictions = static:HOLD
"""
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""
OF_POSTFIX = (
    "incoming",
    "active",
    "bounce",
    "corrupt",
    "defer",
    "deferred",
    "flush",
    "hold",
    "saved",
    "trace",
    "private",
)
OF_POSTDROP = ("maildrop", "public")


@contextmanager
def running_postfix() -> Iterator[int | None]:
    """Run Postfix until the end of the block, and yield its port; None if that can't be."""
    program = shutil.which("postconf", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None or os.getuid() != 0:
        yield None
        return
    master = Path(_output(program, "-d", "-h", "daemon_directory")) / "master"
    with tempfile.TemporaryDirectory(prefix="mailroom-postfix-") as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o755)
        _prepare(folder, port)
        with subprocess.Popen([master, "-c", folder / "etc", "-d"], stderr=subprocess.DEVNULL) as process:
            try:
                wait_for_port(port)
                yield port
            finally:
                process.terminate()


def _prepare(folder: Path, port: int) -> None:
    for name in ("etc", "queue", "queue/pid"):
        (folder / name).mkdir()
    for name in ("data", *(f"queue/{one}" for one in OF_POSTFIX)):
        (folder / name).mkdir(mode=0o700)
        shutil.chown(folder / name, "postfix")
    for name in OF_POSTDROP:
        path = folder / "queue" / name
        path.mkdir()
        shutil.chown(path, "postfix", "postdrop")
        path.chmod(0o730 if name == "maildrop" else 0o710)
    (folder / "etc" / "main.cf").write_text(MAIN.format(folder=folder))
    (folder / "etc" / "master.cf").write_text(MASTER.format(port=port))


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
