"""The table of round trips."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.core.database import Base


class RoundTrip(Base):
    """One test email with a link, of which only the hash is stored. It has arrived when somebody confirms it there.

    `notices` are `round_trips.notices.Notice` as JSON.
    """

    __tablename__ = "round_trips"

    id: Mapped[int] = mapped_column(primary_key=True)
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    # The server that accepted the email.
    host: Mapped[str] = mapped_column(String(255))
    recipient: Mapped[str] = mapped_column(String(254))
    created_at: Mapped[datetime] = mapped_column(index=True)
    arrived_at: Mapped[datetime | None]
    notices: Mapped[list[Any]] = mapped_column(JSON, default=list)
