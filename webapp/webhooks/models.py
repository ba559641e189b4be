"""The tables of webhooks and of the events that they are sent."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.core.database import Base
from webapp.core.sealing import SEALED


class Webhook(Base):
    """Where events are sent, which ones, how they are signed, and how the last attempt went."""

    __tablename__ = "webhooks"
    # Otherwise a new one could get the id of one whose event is being sent.
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 -- SQLAlchemy declares it so

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    # It gets the events of this application only; None gets all.
    application_id: Mapped[int | None] = mapped_column(ForeignKey("applications.id", ondelete="CASCADE"))
    # The names of event types; if there are none, all.
    events: Mapped[list[str]] = mapped_column(JSON, default=list)
    # Sealed, because such a URL is often all it takes to post to it.
    sealed_url: Mapped[str] = mapped_column(Text, info=SEALED)
    sealed_secret: Mapped[str] = mapped_column(Text, info=SEALED)
    # Also signs for SECRET_OVERLAP after a new secret was created.
    sealed_previous_secret: Mapped[str] = mapped_column(Text, default="", info=SEALED)
    secret_created_at: Mapped[datetime]
    created_at: Mapped[datetime]
    # When an administrator turned it off, or the receiver replied that it no longer exists (410).
    disabled_at: Mapped[datetime | None]
    # No event is tried before this: the end of the lease during an attempt, or of a pause after a failure.
    next_attempt_at: Mapped[datetime]
    # How many attempts in a row showed that the receiver is in trouble.
    failures: Mapped[int] = mapped_column(default=0)
    last_delivered_at: Mapped[datetime | None]
    # When and how the last attempt failed: a key of webhooks.labels.FAILURES and its parameters. Empty after a success.
    failed_at: Mapped[datetime | None]
    failure_code: Mapped[str] = mapped_column(String(40), default="")
    failure_params: Mapped[dict[str, Any]] = mapped_column(default=dict)


class DeliveryState(StrEnum):
    """The state of an event. QUEUED waits for `next_attempt_at`; the others are final."""

    QUEUED = "queued"
    DELIVERED = "delivered"
    FAILED = "failed"


class WebhookDelivery(Base):
    """One event for one webhook: its body as it is signed, and the attempts to deliver it."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("ix_webhook_deliveries_due", "webhook_id", "state", "next_attempt_at"),
        Index("ix_webhook_deliveries_webhook_id", "webhook_id", "id"),
        # To delete what is old.
        Index("ix_webhook_deliveries_state", "state", "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    # Several webhooks get the same event under the same id.
    event_id: Mapped[str] = mapped_column(String(40))
    type: Mapped[str] = mapped_column(String(60))
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20), default=DeliveryState.QUEUED)
    created_at: Mapped[datetime]
    next_attempt_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    last_attempt_at: Mapped[datetime | None]
    # As in Webhook.
    failure_code: Mapped[str] = mapped_column(String(40), default="")
    failure_params: Mapped[dict[str, Any]] = mapped_column(default=dict)
