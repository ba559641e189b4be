"""How fast people are imported from a file, and what memory that takes; how fast an application creates many."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.bench.pages import fresh
from tests.bench.site import Site
from tests.bench.table import row
from tests.support.applications import SECRET, add_application
from tests.support.running import clean

FEW, MANY = 1_000, 100_000
REQUESTS = 5


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
    with fresh() as (site, _sink):
        seconds = created_in_bulk(site)
        row("1,000 people created by one request of the API, s", f"{median(seconds):.2f}", "", None, "≤ 2.00")


def importing(site: Site) -> Imported:
    """Import few people, then many, with their activation emails, each by a command of its own."""
    _seconds, memory_of_few = _import(site, "few", FEW)
    seconds, memory = _import(site, "many", MANY)
    return Imported(MANY / seconds, memory, memory_of_few)


def created_in_bulk(site: Site) -> Sequence[float]:
    """Return the seconds that each of several requests takes that creates many people and queues their emails."""
    add_application(site.database, may_manage_users=True)
    with site.web() as port:
        return [_create(port, number) for number in range(REQUESTS)]


def _create(port: int, number: int) -> float:
    people = [{"email": f"p{index}.{number}@people.example", "name": f"Person {index}"} for index in range(FEW)]
    headers = {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"}
    started = time.monotonic()
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/api/v1/users/bulk", json.dumps({"users": people}), headers)
    results = json.load(connection.getresponse())["results"]
    seconds = time.monotonic() - started
    connection.close()
    if {one["outcome"] for one in results} != {"created"}:
        raise RuntimeError("not all people were created")
    return seconds


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
