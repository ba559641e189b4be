"""The event that webhooks are sent for a test. Nobody chooses it."""

from webapp.webhooks.registry import EventType

TEST = EventType("webhook.test", "")
