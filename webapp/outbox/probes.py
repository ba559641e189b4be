"""Connect to the mail servers that are in trouble, to see whether they work again."""

from datetime import datetime

from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.mail.transport.errors import DeliveryError
from webapp.outbox import circuit_breaker
from webapp.outbox.connection import Connections, NotReady, ServerSettings, saved_settings
from webapp.providers import Failure


def probe_all(state: AppState, connections: Connections, now: datetime) -> None:
    """Connect and authenticate to each server whose pause is over and whose trouble was there; send nothing."""
    while True:
        with state.database.transaction() as session:
            server_id = circuit_breaker.take_probe(session, now)
            if server_id is None:
                return
            settings = saved_settings(session, state).servers[server_id]
        failure = _probe(connections, settings)
        with state.database.transaction() as session:
            if failure is None:
                circuit_breaker.well(session, server_id, clock.now())
            else:
                circuit_breaker.probe_failed(session, server_id, failure, clock.now())


def _probe(connections: Connections, settings: ServerSettings) -> Failure | None:
    """Return how a server fails, if it does."""
    try:
        # One that is kept may be from before the trouble.
        kept = connections.connect(connections.ready(settings), anew=True)
    except (NotReady, DeliveryError) as error:
        return error.failure
    connections.record_certificate(settings, kept)
    connections.pool.release(kept)
    return None
