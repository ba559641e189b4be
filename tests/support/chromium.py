"""The Chromium that the browser tests drive. `python -m tests.support.chromium` gets one where there is none."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from playwright.sync_api import Error, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Root needs the second; containers often have a tiny /dev/shm.
ARGUMENTS = ("--no-sandbox", "--disable-dev-shm-usage")
# Milliseconds that one may wait for a page or a control of it: busy machines are slow, and what hangs does so for ever.
PATIENCE = 60_000


def executable() -> str | None:
    """The path of the system's Chromium; None means Playwright's own."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def starts() -> bool:
    """Whether it can be started: a library may be missing, and a file of that name may only point elsewhere."""
    with sync_playwright() as playwright:
        try:
            playwright.chromium.launch(executable_path=executable(), args=ARGUMENTS).close()
        except Error:
            return False
    return True


def ensure() -> None:
    """Have a Chromium that starts: the installed one, else Playwright's, else the system's package.

    Exits with a message when there is no way to get one.
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
    sys.exit("No Chromium can be had for the browser tests. Install the system's package named chromium.")


def _succeeds(command: Sequence[str]) -> bool:
    return shutil.which(command[0]) is not None and subprocess.run(command).returncode == 0


def _as_root(*command: str) -> Sequence[str]:
    return command if os.getuid() == 0 else ("sudo", "-n", *command)


if __name__ == "__main__":
    ensure()
