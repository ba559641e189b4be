"""Where events are sent to, and the events on their way."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.core.database import Base
from webapp.core.sealing import SEALED
from webapp.settings.models import SINGLETON_ID


class WebhookSettings(Base):
    """The address and the signing secret. The row with id 1, once an address was saved."""

    __tablename__ = "webhook_settings"

    id: Mapped[int] = mapped_column(primary_key=True, default=SINGLETON_ID)
    # Sealed, as whoever knows such an address can often write there. Empty while nobody is told.
    sealed_url: Mapped[str] = mapped_column(Text, default="", info=SEALED)
    sealed_secret: Mapped[str] = mapped_column(Text, default="", info=SEALED)
    # Signs beside the present one for a while after that was made.
    sealed_former_secret: Mapped[str] = mapped_column(Text, default="", info=SEALED)
    secret_made_at: Mapped[datetime | None]
    # The receiver said that it is there no more (410); nothing is sent until somebody saves the address again.
    gone_at: Mapped[datetime | None]


class DeliveryState(StrEnum):
    """Where an event stands: OWED waits for `next_attempt_at`, the others are ends."""

    OWED = "owed"
    DELIVERED = "delivered"
    GIVEN_UP = "given up"


class WebhookDelivery(Base):
    """One event on its way to the webhook: its body as it is signed, and how often it was tried."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (Index("ix_webhook_deliveries_due", "state", "next_attempt_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(String(40), unique=True)
    type: Mapped[str] = mapped_column(String(60))
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20), default=DeliveryState.OWED)
    created_at: Mapped[datetime]
    # Of an event that is being sent it is the moment at which whoever sends it counts as dead.
    next_attempt_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    last_attempt_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(Text, default="")
