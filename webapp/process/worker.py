"""The worker process: Huey's consumer runs the tasks of the queue, and threads of ours see that none is missing."""

import signal
import threading
import time
from collections.abc import Callable

import structlog
from flask import Flask
from huey.consumer import Consumer

from webapp.core import clock, workers
from webapp.core.app_state import app_state_of
from webapp.core.jobs import MINUTE, SWEEP, Job, JobRunner, get_runner
from webapp.core.queue import TaskQueue, get_queue
from webapp.outbox import claims
from webapp.outbox.jobs import close_connections
from webapp.process.presence import Presence
from webapp.settings_file.watch import Watch

THREADS = 4
# Seconds between two looks into a queue that can't tell when there is a task, and longest pause after its errors.
POLL, MAX_PAUSE = 0.05, 1.0
# Seconds between two renewals of the leases of the messages in flight.
RENEWAL = 5.0
# Seconds between two looks whether a thread has died.
HEALTH_CHECK = 10.0
# Seconds that a message in flight may take after the worker is asked to stop.
GRACE = 60
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

log = structlog.get_logger(__name__)


def run(app: Flask, threads: int = THREADS) -> None:
    """Run the worker in this process until SIGTERM, SIGINT or SIGHUP; it finishes the messages in flight first.

    A second signal ends the process at once.
    """
    worker, asked = WorkerProcess(app, threads), threading.Event()

    def stop(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        asked.set()

    # Huey installs handlers of its own, which would end messages in flight.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    worker.start()
    for number in STOP_SIGNALS:
        signal.signal(number, stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    while not asked.wait(HEALTH_CHECK):
        worker.check()
    worker.stop()


class WorkerProcess:
    """The threads of one worker process."""

    def __init__(self, app: Flask, threads: int = THREADS) -> None:
        self._app, self._threads = app, threads
        self._runner, self._queue = get_runner(app), get_queue(app)
        self._runner.use_threads(threads)
        self._consumer = _consumer(self._queue, threads)
        self._dead = Dead(app, self._runner.worker)
        self._sweeper = Repeated("sweeper", Sweep(app, self._runner, self._queue, self._dead))
        self._leases = Repeated("leases", Leases(app, self._runner.worker))
        self._heartbeat = Repeated("heartbeat", Heartbeat(app, self._runner.worker))
        self._watches = [Repeated("settings file", Watch(app))] if app_state_of(app).config.settings else []

    def start(self) -> None:
        """Start the threads. Once this is logged, the worker stops gracefully when it is asked to."""
        self._queue.prepare()
        self._consumer.start()
        for thread in (self._leases, self._heartbeat, self._sweeper, *self._watches):
            thread.start()
        log.info("worker started", threads=self._threads)

    def check(self) -> None:
        """Replace threads that have died."""
        self._consumer.check_worker_health()

    def stop(self) -> None:
        """Finish the messages in flight, for at most GRACE seconds."""
        deadline = time.monotonic() + GRACE
        self._runner.stopping.set()
        self._consumer.stop(graceful=True)
        for thread in (self._sweeper, *self._watches):
            thread.stop(deadline)
        # They are renewed to the end.
        self._leases.stop(deadline)
        self._heartbeat.stop(deadline)
        close_connections(self._app)
        self._dead.close()
        self._queue.close()
        log.info("worker stopped")


class Repeated:
    """A thread that does something again and again."""

    def __init__(self, name: str, action: Callable[[], float]) -> None:
        """Describe it: `action` returns after how many seconds it wants to be called again."""
        self._name, self._action, self._stopped = name, action, threading.Event()
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, deadline: float) -> None:
        """Stop it; wait until it has finished what it is doing, at most until `deadline` (`time.monotonic()`)."""
        self._stopped.set()
        self._thread.join(max(0.0, deadline - time.monotonic()))

    def _loop(self) -> None:
        pause = 0.0
        while not self._stopped.wait(pause):
            try:
                pause = self._action()
            except Exception as error:  # such as a database that is unavailable for a moment
                log.warning("worker thread failed", thread=self._name, error=type(error).__name__)
                pause = RENEWAL


class Sweep:
    """Has all jobs run when the worker starts, and later those that nobody should wait a minute for.

    So lost tasks, due retries and leases that are over are all found, even while the queue is down.
    """

    def __init__(self, app: Flask, runner: JobRunner, queue: TaskQueue, dead: "Dead") -> None:
        self._app, self._runner, self._queue, self._dead = app, runner, queue, dead
        self._is_first = True

    def __call__(self) -> float:
        """Have them run; return the seconds until the next is due."""
        self._dead.release()
        for job in self._runner.jobs:
            if job.every < MINUTE or self._is_first:
                self._have_run(job)
        self._is_first = False
        with self._app.app_context():
            return self._pause()

    def _have_run(self, job: Job) -> None:
        if not self._queue.task(job.name).enqueue() and job.every < MINUTE:
            self._runner.run(job)

    def _pause(self) -> float:
        now = clock.now()
        times = [job.next_due(now) for job in self._runner.jobs if job.next_due]
        return max(POLL, min([SWEEP.total_seconds(), *((at - now).total_seconds() for at in times if at is not None)]))


class Dead:
    """Frees what the dead workers of this machine held, so that nothing waits for their leases to expire."""

    def __init__(self, app: Flask, worker: str) -> None:
        """Show that this worker is alive itself."""
        state = app_state_of(app)
        self._database = state.database
        self._presence: Presence | None = None
        try:
            self._presence = Presence(state.config.instance, worker)
        except OSError as error:
            # Such as a full disk; the leases will tell, only later.
            log.warning("worker has no lock", error=error.strerror)

    def release(self) -> None:
        """Free what those held that have died since."""
        if self._presence:
            self._presence.bury(self._release)

    def close(self) -> None:
        """Show that this worker is gone."""
        if self._presence:
            self._presence.close()

    def _release(self, worker: str) -> None:
        with self._database.transaction() as session:
            claims.release(session, worker, clock.now())
            workers.forget(session, worker)
        log.warning("worker died; what it held is free", worker=worker)


class Leases:
    """Renews the leases of the messages that this process is sending."""

    def __init__(self, app: Flask, worker: str) -> None:
        self._database, self._worker = app_state_of(app).database, worker

    def __call__(self) -> float:
        """Renew them; return the seconds until that is necessary again."""
        with self._database.transaction() as session:
            claims.renew(session, self._worker, clock.now())
        return RENEWAL


class Heartbeat:
    """Records in the database that this worker runs."""

    def __init__(self, app: Flask, worker: str) -> None:
        self._database, self._worker = app_state_of(app).database, worker

    def __call__(self) -> float:
        """Record it; return the seconds until that is necessary again."""
        with self._database.transaction() as session:
            workers.beat(session, self._worker, clock.now())
        return workers.BEAT.total_seconds()


def _consumer(queue: TaskQueue, threads: int) -> Consumer:
    # Each thread closes the connections of its own when it ends.
    queue.huey.on_shutdown(name="close")(queue.close)
    longest = POLL if queue.polls else MAX_PAUSE
    consumer: Consumer = queue.huey.create_consumer(
        workers=threads,
        initial_delay=POLL,
        max_delay=longest,
        shutdown_timeout=GRACE,
        graceful_signal="TERM",
    )
    return consumer
