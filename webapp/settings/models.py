"""The settings of the whole installation: one row in each table, created when somebody first saves."""

from sqlalchemy import String, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.core.database import Base

SINGLETON_ID = 1


class GeneralSettings(Base):
    """Public URL, product name, support address, who gets email, and how long the content of emails is kept."""

    __tablename__ = "general_settings"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, default=SINGLETON_ID)
    public_url: Mapped[str] = mapped_column(String(300), default="")
    product_name: Mapped[str] = mapped_column(String(60), default="Mailroom")
    support_address: Mapped[str] = mapped_column(String(320), default="")
    # Who gets email, as in `settings.service.SendTo`, and which domains these are.
    send_to: Mapped[str] = mapped_column(String(10), default="everyone", server_default="everyone")
    send_to_domains: Mapped[str] = mapped_column(String(2000), default="", server_default="")
    # After delivery; 0 deletes it then.
    content_days: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 -- SQLAlchemy declares it so


class SecuritySettings(Base):
    """Rules for passwords, links, sessions and lockouts."""

    __tablename__ = "security_settings"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, default=SINGLETON_ID)
    # Minimum numbers of characters, in total and of each kind.
    password_min_length: Mapped[int]
    password_min_uppercase: Mapped[int]
    password_min_lowercase: Mapped[int]
    password_min_digits: Mapped[int]
    password_min_special: Mapped[int]
    # 0 means never.
    password_max_age_days: Mapped[int]
    password_history_length: Mapped[int]
    password_reject_common: Mapped[bool]
    activation_minutes: Mapped[int]
    reset_minutes: Mapped[int]
    session_idle_minutes: Mapped[int]
    session_minutes: Mapped[int]
    session_remembered_minutes: Mapped[int]
    # Failed attempts until a lockout, and how long that lasts.
    lockout_threshold: Mapped[int]
    lockout_minutes: Mapped[int]
    # 0 keeps entries without a limit. Triggers read it: they let older entries be deleted.
    audit_retention_days: Mapped[int] = mapped_column(server_default=text("0"))
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 -- SQLAlchemy declares it so


class DeclaredSetting(Base):
    """A setting that the settings file declares, so that only the file changes it.

    `section` is the table in the file, `name` which of several (empty where there is one), `field` the key.
    """

    __tablename__ = "declared_settings"

    section: Mapped[str] = mapped_column(String(30), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True, default="")
    field: Mapped[str] = mapped_column(String(64), primary_key=True)
