"""The tables of the webhook's settings and of the events that it is sent."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.core.database import Base
from webapp.core.sealing import SEALED
from webapp.settings.models import SINGLETON_ID


class WebhookSettings(Base):
    """The URL and the signing secret: one row, once a URL was saved."""

    __tablename__ = "webhook_settings"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, default=SINGLETON_ID)
    # Sealed, because such a URL is often all it takes to post to it. Empty while the webhook is off.
    sealed_url: Mapped[str] = mapped_column(Text, default="", info=SEALED)
    sealed_secret: Mapped[str] = mapped_column(Text, default="", info=SEALED)
    # Also signs for SECRET_OVERLAP after a new secret was created.
    sealed_previous_secret: Mapped[str] = mapped_column(Text, default="", info=SEALED)
    secret_created_at: Mapped[datetime | None]
    # When the receiver replied that it no longer exists (410). Nothing is sent until it accepts a test event or the URL
    # is saved again.
    disabled_at: Mapped[datetime | None]


class DeliveryState(StrEnum):
    """The state of an event. QUEUED waits for `next_attempt_at`; the others are final."""

    QUEUED = "queued"
    DELIVERED = "delivered"
    FAILED = "failed"


class WebhookDelivery(Base):
    """One event for the webhook: its body as it is signed, and the attempts to deliver it."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (Index("ix_webhook_deliveries_due", "state", "next_attempt_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(String(40), unique=True)
    type: Mapped[str] = mapped_column(String(60))
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20), default=DeliveryState.QUEUED)
    created_at: Mapped[datetime]
    # During an attempt it is the end of the lease, after which another worker may try.
    next_attempt_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    last_attempt_at: Mapped[datetime | None]
    # How the last attempt failed: a key of webhooks.labels.FAILURES and what fills it in. Empty after a success.
    failure_code: Mapped[str] = mapped_column(String(40), default="")
    failure_params: Mapped[dict[str, Any]] = mapped_column(default=dict)
