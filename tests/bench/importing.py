"""How fast people are imported from a file, and what memory that takes."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from tests.bench.pages import fresh
from tests.bench.site import Site
from tests.bench.table import row
from tests.support.running import clean

FEW, MANY = 1_000, 100_000


class Imported(NamedTuple):
    """People per second for many people, and peak memory in bytes for many and for few."""

    rate: float
    memory: int
    memory_of_few: int


def measure() -> None:
    """Print the rows of this group."""
    with fresh() as (site, _sink):
        people = importing(site)
        few, growth = f"a thousand {people.memory_of_few / 2**20:.0f}", people.memory / people.memory_of_few
        row("importing 100,000 people, people/s", f"{people.rate:,.0f}", "", None, "≥ 3,000")
        row("its peak memory, MiB", f"{people.memory / 2**20:.0f}", few, growth, "≤ 1.30")


def importing(site: Site) -> Imported:
    """Import few people, then many, with their activation emails, each by a command of its own."""
    _seconds, memory_of_few = _import(site, "few", FEW)
    seconds, memory = _import(site, "many", MANY)
    return Imported(MANY / seconds, memory, memory_of_few)


def _import(site: Site, name: str, number: int) -> tuple[float, int]:
    """Return the seconds that the whole command takes, and its peak memory."""
    path = site.config.instance / f"{name}.csv"
    _write(path, name, number)
    command = [sys.executable, "-m", "webapp.cli", "users", "import", str(path), "--send-activation"]
    started = time.monotonic()
    process = subprocess.Popen(command, env=clean(site.environ), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _pid, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"the import of {number} people failed")
    # In kibibytes on Linux.
    return time.monotonic() - started, used.ru_maxrss * 1024


def _write(path: Path, name: str, number: int) -> None:
    with path.open("w") as file:
        file.write("email;first name;last name;language\n")
        for index in range(number):
            file.write(f"{name}{index}@department{index % 50}.example.com;Person;Number {index};de\n")
