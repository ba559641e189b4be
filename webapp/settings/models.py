"""The settings that hold for the whole installation: one row of each kind, once it was saved."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.core.database import Base

SINGLETON_ID = 1


class GeneralSettings(Base):
    """Public address, product name and support address. The row with id 1, once it was saved."""

    __tablename__ = "general_settings"

    id: Mapped[int] = mapped_column(primary_key=True, default=SINGLETON_ID)
    public_url: Mapped[str] = mapped_column(String(300), default="")
    product_name: Mapped[str] = mapped_column(String(60), default="Mailroom")
    support_address: Mapped[str] = mapped_column(String(320), default="")
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 -- SQLAlchemy declares it so


class SecuritySettings(Base):
    """What passwords, links and sign-ins have to be like. The row with id 1, once it was saved."""

    __tablename__ = "security_settings"

    id: Mapped[int] = mapped_column(primary_key=True, default=SINGLETON_ID)
    # Passwords: characters at least, in all and of each kind; days until a new one is due (0: never); how
    # many former ones are barred.
    password_length: Mapped[int]
    password_upper: Mapped[int]
    password_lower: Mapped[int]
    password_digits: Mapped[int]
    password_special: Mapped[int]
    password_days: Mapped[int]
    password_former: Mapped[int]
    password_common: Mapped[bool]
    # Minutes.
    activation_minutes: Mapped[int]
    reset_minutes: Mapped[int]
    idle_minutes: Mapped[int]
    sign_in_minutes: Mapped[int]
    remembered_minutes: Mapped[int]
    # Failed sign-ins before an account is locked, and for how many minutes.
    lock_after: Mapped[int]
    lock_minutes: Mapped[int]
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 -- SQLAlchemy declares it so
