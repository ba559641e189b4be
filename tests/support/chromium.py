"""The Chromium that the browser tests drive. `python -m tests.support.chromium` installs one if there is none."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from playwright.sync_api import Error, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Root needs the first; containers often have a tiny /dev/shm.
ARGUMENTS = ("--no-sandbox", "--disable-dev-shm-usage")
# Milliseconds to wait for a page or an element: busy machines are slow.
PAGE_TIMEOUT = 60_000


def executable() -> str | None:
    """Return the path of the system's Chromium; None means Playwright's own."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def starts() -> bool:
    """Return whether it starts: a library may be missing, or the file may only be a pointer to a package."""
    with sync_playwright() as playwright:
        try:
            playwright.chromium.launch(executable_path=executable(), args=ARGUMENTS).close()
        except Error:
            return False
    return True


def ensure() -> None:
    """Make sure that a Chromium starts: the installed one, Playwright's, or the system's package.

    Exits with a message if none can be installed.
    """
    playwright = (sys.executable, "-m", "playwright")
    attempts: list[list[Sequence[str]]] = [
        [],
        [(*playwright, "install", "chromium")],
        [_as_root(*playwright, "install-deps", "chromium")],
        [_as_root("apt-get", "update"), _as_root("apt-get", "install", "-y", "--no-install-recommends", "chromium")],
    ]
    for commands in attempts:
        if all(map(_succeeds, commands)) and starts():
            return
    sys.exit("No Chromium for the browser tests could be installed. Install the system's package named chromium.")


def _succeeds(command: Sequence[str]) -> bool:
    return shutil.which(command[0]) is not None and subprocess.run(command).returncode == 0


def _as_root(*command: str) -> Sequence[str]:
    return command if os.getuid() == 0 else ("sudo", "-n", *command)


if __name__ == "__main__":
    ensure()
