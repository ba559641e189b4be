"""Which workers of this machine are alive: each holds a lock on a file, which ends with its process however that ends.

An instance folder belongs to one machine. Of workers on other machines, expired leases tell.
"""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

FOLDER = "workers"
SUFFIX = ".lock"


class Presence:
    """Shows that a worker is alive until it is closed or its process ends."""

    def __init__(self, instance: Path, worker: str) -> None:
        """Show that this worker is alive. Raises OSError."""
        folder = instance / FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        self._path = folder / f"{worker}{SUFFIX}"
        # It gets its name when it is locked, so that nobody finds it unlocked.
        new = self._path.with_suffix(".new")
        self._file = os.open(new, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        new.rename(self._path)

    def bury(self, release: Callable[[str], None]) -> None:
        """Call `release` with each worker that has died, and forget it unless that fails.

        A file that can't be used, such as one of another system user, doesn't keep the others from being found.
        """
        for path in self._path.parent.glob(f"*{SUFFIX}"):
            # Other names than those of workers were not chosen by us.
            if path != self._path and path.stem.isascii() and path.stem.isalnum():
                _bury(path, release)

    def close(self) -> None:
        """Show that the worker is gone, and has left nothing behind."""
        self._path.unlink(missing_ok=True)
        os.close(self._file)


def _bury(path: Path, release: Callable[[str], None]) -> None:
    if (file := _locked(path)) is None:
        return
    try:
        release(path.stem)
        path.unlink(missing_ok=True)
    finally:
        os.close(file)


def _locked(path: Path) -> int | None:
    """Open and lock a file. None if that can't be done: another worker has buried it meanwhile, or is doing so."""
    try:
        file = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return None
    return file
