"""The table of the outage that is going on."""

from datetime import datetime
from typing import Any

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.core.database import Base
from webapp.providers import Failure


class Outage(Base):
    """The outage that was announced and is not over: one row with the id ONLY, or none.

    Inserting and deleting it decides which of several workers announces it.
    """

    __tablename__ = "outages"

    id: Mapped[int] = mapped_column(primary_key=True)
    since: Mapped[datetime]
    # As in `webapp.providers.Failure`.
    stage: Mapped[str] = mapped_column(String(20))
    code: Mapped[str] = mapped_column(String(60))
    params: Mapped[dict[str, Any]]
    reply: Mapped[str] = mapped_column(Text)

    @property
    def failure(self) -> Failure:
        """What caused it."""
        return Failure(self.stage, self.code, self.params, self.reply)


ONLY = 1
