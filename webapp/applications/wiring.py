"""What applications add to Mailroom."""

from flask import Flask

from webapp.applications import audit_events
from webapp.audit import registry


def init_app(app: Flask) -> None:
    """Add what the audit trail records of them."""
    registry.register(app, audit_events, audit_events.DETAILS)
