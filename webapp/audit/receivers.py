"""Audit entries for what happens in packages below, which announce it with signals."""

from datetime import timedelta

from flask import Flask
from sqlalchemy.orm import Session

from webapp.audit import audit_events, service
from webapp.core import rate_limits
from webapp.core.app_state import app_state_of
from webapp.core.keys import rotation
from webapp.core.rate_limits import Limit, network
from webapp.web import error_pages

# However many requests are refused, the trail gets few entries about them.
BY_NETWORK_AND_PAGE = Limit("throttled requests audited, network and page", 1, timedelta(hours=1))
IN_TOTAL = Limit("throttled requests audited", 100, timedelta(hours=1))


def init_app() -> None:
    """Connect the receivers."""
    error_pages.request_throttled.connect(record_throttled)
    rotation.key_added.connect(record_rotation)
    rotation.keys_dropped.connect(record_dropped_keys)
    rotation.keys_forgotten.connect(record_forgotten_keys)


def record_throttled(app: Flask, ip_address: str, endpoint: str) -> None:
    """Record once an hour that a network was refused on a page. Most calls only read."""
    database, key = app_state_of(app).database, network(ip_address)
    with database.read() as session:
        if rate_limits.is_exhausted(session, BY_NETWORK_AND_PAGE, key, endpoint):
            return
    with database.transaction() as session:
        if rate_limits.try_consume(session, BY_NETWORK_AND_PAGE, key, endpoint) and rate_limits.try_consume(
            session, IN_TOTAL, ""
        ):
            service.record(session, audit_events.REQUESTS_THROTTLED, page=endpoint)


def record_rotation(sender: object, session: Session, key_id: int) -> None:
    """Record that a new key is in use."""
    service.record(session, audit_events.KEYS_ROTATED, key=key_id)


def record_dropped_keys(sender: object, session: Session, count: int) -> None:
    """Record that old keys were deleted."""
    service.record(session, audit_events.KEYS_DROPPED, keys=count)


def record_forgotten_keys(sender: object, session: Session, count: int) -> None:
    """Record that keys which can't be opened were deleted."""
    service.record(session, audit_events.KEYS_FORGOTTEN, keys=count)
