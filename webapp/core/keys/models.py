"""The table of keys."""

from datetime import datetime

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.core.database import Base


class DataKey(Base):
    """A key that encrypts and signs; the one with the highest id is the current one.

    While there is none, the secret key itself does both.
    """

    __tablename__ = "data_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    # Sealed with the secret key.
    wrapped: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    # When no saved value needed the key any more; it still opens forms and cookies for a while.
    retired_at: Mapped[datetime | None]
