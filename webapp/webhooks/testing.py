"""Send a test event to a webhook, at once."""

from webapp.audit import service as audit
from webapp.core.app_state import AppState
from webapp.settings.service import general
from webapp.webhooks import audit_events, delivery, events, service
from webapp.webhooks.delivery import DeliveryResult
from webapp.webhooks.events import Event
from webapp.webhooks.models import Webhook
from webapp.webhooks.registry import EventType

# Nobody chooses it.
TEST = EventType("webhook.test", "")


def send_test(state: AppState, webhook: Webhook) -> DeliveryResult:
    """Send a test event and return what the receiver replied. If it works, what is queued is tried at once, too."""
    with state.database.read() as session:
        url = events.mail_server_url(general(session, state.config))
    event = events.values_of(Event(TEST, "This is a test: there is nothing to do.", {"url": url}))
    result = delivery.send(state, webhook, event["event_id"], event["body"])
    with state.database.transaction() as session:
        audit.record(session, audit_events.WEBHOOK_TESTED, webhook=webhook.name, passed=not result.failure_code)
        if not result.failure_code:
            service.receiver_works(session, webhook.id)
    return result
