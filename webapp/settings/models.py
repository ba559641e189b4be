"""The one row of settings that hold for the whole installation."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.database import Base

ONLY_ROW = 1


class GeneralSettings(Base):
    """Public address, product name and support address. The row with id 1, once it was saved."""

    __tablename__ = "general_settings"

    id: Mapped[int] = mapped_column(primary_key=True, default=ONLY_ROW)
    public_url: Mapped[str] = mapped_column(String(300), default="")
    product_name: Mapped[str] = mapped_column(String(60), default="Mailroom")
    support_address: Mapped[str] = mapped_column(String(320), default="")
