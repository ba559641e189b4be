"""What was answered to requests with an Idempotency-Key."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.core.database import Base
from webapp.core.sealing import SEALED


class IdempotencyKey(Base):
    """The response to the request with one Idempotency-Key of one application."""

    __tablename__ = "idempotency_keys"

    # A hash of the application and the key.
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("applications.id", ondelete="CASCADE"), index=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    # It may have a link in it.
    sealed_response: Mapped[str] = mapped_column(Text, default="", server_default="", info=SEALED)
    created_at: Mapped[datetime] = mapped_column(index=True)
