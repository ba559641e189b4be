"""The worker: Huey's consumer, with threads of ours that go through the outbox.

A wake-up starts a round at once; without one, a round starts every few seconds. So a retry that
became due, a dead worker's message and a lost wake-up are all found, also while the queue is down.
After each round it looks at what else is due: grants, the certificate, warnings, events for the webhook.
"""

import signal
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from flask import Flask
from huey.consumer import Consumer, Scheduler, Worker

from webapp.core import clock
from webapp.core.app_state import AppState, app_state_of
from webapp.mail import jobs
from webapp.mail.expiry import alerts
from webapp.outbox import claims
from webapp.outbox.delivery import InFlight, deliver_due
from webapp.outbox.queue import get_queue
from webapp.process import housekeeping
from webapp.webhooks import delivery as webhooks

THREADS = 2
# Seconds between two looks into a queue that cannot wait by itself.
POLL = 0.05
# Seconds between two rounds without a wake-up, and between two renewals of the claims in hand.
SWEEP = 5
# Seconds after which a round ends, however much is owed: what else is due has its turn.
LONGEST_ROUND = 60
HOUSEKEEPING = 3600
# Seconds between two looks for grants that would lapse, and at the certificate.
UPKEEP = 600
# Seconds between two looks for warnings to tell, and for events that the webhook is owed.
NEWS = 5
# Seconds that the message in hand may take after the worker was told to stop.
GRACE = 60

log = structlog.get_logger(__name__)


def run(app: Flask) -> None:
    """Run the worker in this process until SIGTERM or SIGINT; the message in hand is finished first."""
    WorkerProcess(app).run()  # type: ignore[no-untyped-call]
    log.info("worker stopped")


class WorkerProcess(Consumer):
    """The threads of one worker process, and how they are stopped."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.in_hand = InFlight()
        super().__init__(  # type: ignore[no-untyped-call]
            get_queue(app).huey,
            workers=THREADS,
            periodic=False,
            shutdown_timeout=GRACE,
            health_check_interval=SWEEP,
        )
        # Huey ends its threads at once on one of the two signals; ours finish on every one.
        graceful = (False, True)
        self._signal_actions = dict.fromkeys((signal.SIGTERM, signal.SIGINT, signal.SIGHUP), graceful)

    def start(self) -> None:
        """Start the threads; from the line in the log on, signals stop them gracefully."""
        super().start()  # type: ignore[no-untyped-call]
        log.info("worker started", threads=THREADS)

    def _create_worker(self) -> "DeliveryThread":
        return DeliveryThread(self)

    def _create_scheduler(self) -> "MaintenanceThread":
        return MaintenanceThread(self)


class DeliveryThread(Worker):
    """Starts a round at each wake-up, and now and then without one."""

    def __init__(self, crew: WorkerProcess) -> None:
        super().__init__(crew.huey, crew.stop_flag, POLL, POLL, 1)  # type: ignore[no-untyped-call]
        self.app = crew.app
        self.in_hand = crew.in_hand
        self.queue = get_queue(crew.app)
        self.next_round = 0.0
        self.next_upkeep = 0.0
        self.next_news = 0.0

    def loop(self, now: Any = None) -> None:
        """One look into the queue, and at what else is due; Huey calls it again and again until it stops."""
        if self._woken() or time.monotonic() >= self.next_round:
            self.next_round = time.monotonic() + SWEEP
            self._go()
        elif not self.queue.blocks:
            self.stop_flag.wait(POLL)
        if not self.stop_flag.is_set():
            self._look_after_the_rest()

    def _woken(self) -> bool:
        try:
            return self.queue.was_woken()
        except Exception as error:  # each engine has errors of its own
            log.warning("the queue is unavailable; sweeping without it", error=type(error).__name__)
            self.stop_flag.wait(SWEEP)
            return True

    def _go(self) -> None:
        end = time.monotonic() + LONGEST_ROUND
        try:
            deliver_due(self.app, self.in_hand, lambda: self.stop_flag.is_set() or time.monotonic() >= end)
        except Exception:  # such as a database that is away for a moment
            log.exception("round broke off")
            self.stop_flag.wait(SWEEP)

    def _look_after_the_rest(self) -> None:
        # Not the caretaker's: a provider and the webhook's receiver may let us wait for longer than claims hold.
        if time.monotonic() >= self.next_upkeep:
            self.next_upkeep = time.monotonic() + UPKEEP
            self._look_after(jobs.refresh_grants, jobs.check_certificate)
        elif time.monotonic() >= self.next_news:
            self.next_news = time.monotonic() + NEWS
            self._look_after(alerts.send_alerts, webhooks.deliver_next)

    def _look_after(self, *duties: Callable[[AppState, datetime], object]) -> None:
        for duty in duties:
            try:
                with self.app.app_context():
                    duty(app_state_of(self.app), clock.now())
            except Exception:
                log.exception("upkeep failed", duty=duty.__name__)


class MaintenanceThread(Scheduler):
    """Renews the claims in hand, sweeps the outbox, and deletes what is old."""

    def __init__(self, crew: WorkerProcess) -> None:
        super().__init__(crew.huey, crew.stop_flag, SWEEP, periodic=False)  # type: ignore[no-untyped-call]
        self.database = app_state_of(crew.app).database
        self.in_hand = crew.in_hand
        self.next_housekeeping = 0.0

    def loop(self, now: Any = None) -> None:
        """One turn; Huey calls it again and again until it stops."""
        started = time.monotonic()
        try:
            self._care()
        except Exception:
            log.exception("care failed")
        self.sleep_for_interval(started, SWEEP)  # type: ignore[no-untyped-call]

    def shutdown(self) -> None:
        """Nobody renews claims from here on, so the messages in hand get all the time they may take."""
        self._renew(claims.LEASE + timedelta(seconds=GRACE))

    def _care(self) -> None:
        self._renew(claims.LEASE)
        with self.database.transaction() as session:
            claims.sweep(session, clock.now())
        if time.monotonic() >= self.next_housekeeping:
            self.next_housekeeping = time.monotonic() + HOUSEKEEPING
            housekeeping.tidy(self.database, clock.now())

    def _renew(self, lease: timedelta) -> None:
        if ids := self.in_hand.ids():
            with self.database.transaction() as session:
                claims.renew(session, ids, clock.now() + lease)
