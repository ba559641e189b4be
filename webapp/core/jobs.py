"""Background jobs: each package registers its own, and the worker runs them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from flask import Flask

EXTENSION = "mailroom.jobs"

# "delivery" jobs run between two deliveries and may wait for other servers; "maintenance" jobs
# run in a thread that must never be late to renew leases, so they only use the database.
Group = Literal["delivery", "maintenance"]


@dataclass(frozen=True)
class Job:
    """Work that the worker does again and again, inside an application context."""

    name: str
    run: Callable[[datetime], None]
    every: timedelta
    group: Group


def register_jobs(app: Flask, *jobs: Job) -> None:
    """Have the worker run these jobs. Raises ValueError if a name is taken."""
    registered: dict[str, Job] = app.extensions.setdefault(EXTENSION, {})
    for job in jobs:
        if job.name in registered:
            raise ValueError(f"there is already a job named {job.name}")
        registered[job.name] = job


def jobs_of(app: Flask, group: Group) -> list[Job]:
    """Return the jobs of one group in the order of their registration."""
    jobs: Iterable[Job] = app.extensions.get(EXTENSION, {}).values()
    return [job for job in jobs if job.group == group]
