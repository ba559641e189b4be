"""The tables of applications and their secrets."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.core.database import Base


class Application(Base):
    """A program that uses Mailroom by SMTP or HTTP, and what it may do."""

    __tablename__ = "applications"
    # Messages name it after it was deleted, so its id isn't used again.
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 -- SQLAlchemy declares it so

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    # The user name of SMTP; it names the application and is no secret.
    identifier: Mapped[str] = mapped_column(String(40), unique=True)
    may_send: Mapped[bool] = mapped_column(default=False)
    may_manage_users: Mapped[bool] = mapped_column(default=False)
    # Addresses and domains that it may send from; if there are none, the address of the mail server only.
    allowed_senders: Mapped[list[str]] = mapped_column(JSON, default=list)
    # Recipients an hour; None is no limit.
    messages_per_hour: Mapped[int | None]
    # The networks (CIDR) that it may come from; if there are none, any.
    networks: Mapped[list[str]] = mapped_column(JSON, default=list)
    # Whether SMTP clients in these networks are this application without authenticating.
    trusts_networks: Mapped[bool] = mapped_column(default=False)
    # Where people may be led back to after they have set a password: URLs that others begin with.
    return_urls: Mapped[list[str]] = mapped_column(JSON, default=list)
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    # Both are written at most once a minute.
    last_used_at: Mapped[datetime | None]
    last_used_from: Mapped[str] = mapped_column(String(64), default="")
    version: Mapped[int] = mapped_column()

    secrets: Mapped[list["ApplicationSecret"]] = relationship(
        back_populates="application", cascade="all, delete-orphan", order_by="ApplicationSecret.id"
    )

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 -- SQLAlchemy declares it so


class ApplicationSecret(Base):
    """A secret of an application. Only its hash is stored: it has too many random bits to be guessed."""

    __tablename__ = "application_secrets"

    id: Mapped[int] = mapped_column(primary_key=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("applications.id", ondelete="CASCADE"), index=True)
    # As `sealing.sha256_hex` makes it.
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    # When it stops working, because another one takes its place.
    expires_at: Mapped[datetime | None]

    application: Mapped[Application] = relationship(back_populates="secrets")
