"""What the workers do with the outbox: deliver what is due, look after servers in trouble, and clean up."""

from datetime import datetime

from flask import Flask
from sqlalchemy.orm import Session

from webapp.core.app_state import app_state, app_state_of
from webapp.core.jobs import MINUTE, SWEEP, Job, cleanup_job, get_runner, register_jobs
from webapp.outbox import circuit_breaker, claims, delivery, limits, probes, service
from webapp.outbox.connection import Connections
from webapp.outbox.queue import DELIVER, wake_after_commit
from webapp.outbox.submissions import contents

EXTENSION = "mailroom.outbox.connections"


def init_app(app: Flask) -> None:
    """Register the jobs."""
    connections = app.extensions[EXTENSION] = Connections(app_state_of(app))

    def deliver(_now: datetime) -> None:
        runner = get_runner(app)
        delivery.deliver_due(app, runner.worker, runner.stopping.is_set, connections)

    def probe(now: datetime) -> None:
        probes.probe_all(app_state_of(app), connections, now)

    register_jobs(
        app,
        Job(DELIVER, deliver, SWEEP, next_due, shared=True),
        Job(circuit_breaker.PROBE, probe, SWEEP, next_probe),
        cleanup_job("release lost claims", release_lost, SWEEP),
        cleanup_job("expire messages", claims.expire, MINUTE),
        cleanup_job("delete old messages", service.delete_old_messages),
        cleanup_job("delete old submissions", contents.delete_old_submissions),
        Job("delete contents of emails", contents.delete_unneeded, MINUTE),
    )


def close_connections(app: Flask) -> None:
    """Close the connections that this process has kept for further deliveries."""
    connections: Connections = app.extensions[EXTENSION]
    connections.close()


def release_lost(session: Session, now: datetime) -> None:
    """Queue again what was claimed by a worker that has died or can't renew its leases."""
    claims.sweep(session, now)
    wake_after_commit(session)


def next_due(now: datetime) -> datetime | None:
    """Return when something waits for a time to come, or for the end of a limit."""
    with app_state().database.read() as session:
        return limits.next_due(session, now)


def next_probe(_now: datetime) -> datetime | None:
    """Return when a server in trouble is tried next."""
    with app_state().database.read() as session:
        return circuit_breaker.next_probe(session)
