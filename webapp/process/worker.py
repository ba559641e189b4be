"""The worker: delivers the outbox and runs the jobs that the packages registered.

A wake-up starts a delivery run at once; without one, a run starts every few seconds. So due retries, messages
of a dead worker and lost wake-ups are all found, even while the queue is down.

Huey offers no public way to run other threads than its own, so this uses the insides of its consumer:
`_create_worker`, `_create_scheduler` and `_signal_actions`. Its version is pinned for that reason.
"""

import secrets
import signal
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from flask import Flask
from huey.consumer import Consumer, Scheduler, Worker

from webapp.core import clock, workers
from webapp.core.app_state import app_state_of
from webapp.core.jobs import JobRunner, jobs_of
from webapp.outbox import claims
from webapp.outbox.delivery import deliver_due
from webapp.outbox.queue import get_queue

THREADS = 2
# Seconds between two looks into a queue that cannot block.
POLL = 0.05
# Seconds that a message in flight may take after the worker is asked to stop.
GRACE = 60

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Intervals:
    """How often a worker does what it does, in seconds."""

    # Between two delivery runs without a wake-up, and between two renewals of the leases in flight.
    sweep: float = 5
    # A delivery run ends after this time, however many messages are left, so that jobs get their turn.
    longest_run: float = 60


def run(app: Flask) -> None:
    """Run the worker in this process until SIGTERM or SIGINT; it finishes the messages in flight first."""
    WorkerProcess(app).run()  # type: ignore[no-untyped-call]
    log.info("worker stopped")


class WorkerProcess(Consumer):
    """The threads of one worker process, and how they are stopped."""

    def __init__(self, app: Flask, intervals: Intervals = Intervals()) -> None:
        self.app = app
        self.intervals = intervals
        self.token = secrets.token_hex(8)
        self.jobs = JobRunner(app, jobs_of(app, "delivery"))
        super().__init__(  # type: ignore[no-untyped-call]
            get_queue(app).huey,
            workers=THREADS,
            periodic=False,
            shutdown_timeout=GRACE,
            health_check_interval=intervals.sweep,
        )
        # By default one of the two signals ends Huey's threads at once; ours always finish.
        graceful = (False, True)
        self._signal_actions = dict.fromkeys((signal.SIGTERM, signal.SIGINT, signal.SIGHUP), graceful)

    def start(self) -> None:
        """Start the threads. Once the start is logged, signals stop them gracefully."""
        super().start()  # type: ignore[no-untyped-call]
        log.info("worker started", threads=THREADS)

    def _create_worker(self) -> "DeliveryThread":
        return DeliveryThread(self)

    def _create_scheduler(self) -> "MaintenanceThread":
        return MaintenanceThread(self)


class DeliveryThread(Worker):
    """Delivers messages when it is woken and every few seconds, and runs the jobs of group "delivery"."""

    def __init__(self, process: WorkerProcess) -> None:
        super().__init__(process.huey, process.stop_flag, POLL, POLL, 1)  # type: ignore[no-untyped-call]
        self.process = process
        self.queue = get_queue(process.app)
        self.next_run = 0.0

    def loop(self, now: Any = None) -> None:
        """Do one turn; Huey calls it again and again until it stops."""
        if self._is_woken() or time.monotonic() >= self.next_run:
            self.next_run = time.monotonic() + self.process.intervals.sweep
            self._deliver()
        elif not self.queue.blocks:
            self.stop_flag.wait(POLL)
        self.process.jobs.run_due(self.stop_flag.is_set)

    def _is_woken(self) -> bool:
        try:
            return self.queue.was_woken()
        except Exception as error:  # each engine has errors of its own
            log.warning("queue unavailable; delivering at intervals", error=type(error).__name__)
            self.stop_flag.wait(self.process.intervals.sweep)
            return True

    def _deliver(self) -> None:
        end = time.monotonic() + self.process.intervals.longest_run
        try:
            deliver_due(
                self.process.app,
                self.process.token,
                lambda: self.stop_flag.is_set() or time.monotonic() >= end,
            )
        except Exception:  # such as a database that is unavailable for a moment
            log.exception("delivery run failed")
            self.stop_flag.wait(self.process.intervals.sweep)


class MaintenanceThread(Scheduler):
    """Renews the leases of the messages in flight, and runs the jobs of group "maintenance"."""

    def __init__(self, process: WorkerProcess) -> None:
        self.sweep = process.intervals.sweep
        super().__init__(process.huey, process.stop_flag, self.sweep, periodic=False)  # type: ignore[no-untyped-call]
        self.database = app_state_of(process.app).database
        self.token = process.token
        self.next_beat = 0.0
        self.jobs = JobRunner(process.app, jobs_of(process.app, "maintenance"))

    def loop(self, now: Any = None) -> None:
        """Do one turn; Huey calls it again and again until it stops."""
        started = time.monotonic()
        try:
            self._renew(claims.LEASE)
            self._beat(started)
        except Exception:
            log.exception("leases not renewed")
        self.jobs.run_due()
        self.sleep_for_interval(started, self.sweep)  # type: ignore[no-untyped-call]

    def shutdown(self) -> None:
        """Extend the leases for as long as the messages in flight may take, as nothing renews them from here on."""
        self._renew(claims.LEASE + timedelta(seconds=GRACE))
        with self.database.transaction() as session:
            workers.leave(session, self.token, clock.now())

    def _beat(self, started: float) -> None:
        if started >= self.next_beat:
            self.next_beat = started + workers.BEAT.total_seconds()
            with self.database.transaction() as session:
                workers.beat(session, self.token, clock.now())

    def _renew(self, lease: timedelta) -> None:
        with self.database.transaction() as session:
            claims.renew(session, self.token, clock.now() + lease)
