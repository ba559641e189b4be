"""Entries for what packages below the audit trail announce with signals."""

import pytest
from flask import Flask
from sqlalchemy import select

from webapp.audit import audit_events, receivers
from webapp.audit.models import AuditEntry
from webapp.core.database import Database

pytestmark = pytest.mark.one_database


def throttled_pages(database: Database) -> list[str]:
    entries = select(AuditEntry).where(AuditEntry.event == audit_events.REQUESTS_THROTTLED.key).order_by(AuditEntry.id)
    with database.read() as session:
        return [entry.data["page"] for entry in session.scalars(entries)]


def test_a_throttled_network_is_recorded_once_an_hour_for_each_page(app: Flask, database: Database) -> None:
    for _ in range(3):
        receivers.record_throttled(app, ip_address="192.0.2.1", endpoint="sessions.login")
    receivers.record_throttled(app, ip_address="192.0.2.1", endpoint="password_links.forgot_password")
    assert throttled_pages(database) == ["sessions.login", "password_links.forgot_password"]


def test_many_throttled_networks_do_not_flood_the_trail(app: Flask, database: Database) -> None:
    for number in range(receivers.IN_TOTAL.times + 5):
        receivers.record_throttled(app, ip_address=f"192.0.2.{number}", endpoint="sessions.login")
    assert len(throttled_pages(database)) == receivers.IN_TOTAL.times
