"""The saved mail servers."""

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.database import Base
from webapp.sealing import SEALED


class MailServer(Base):
    """One saved outgoing server: provider, connection, authentication and sealed secrets.

    `position` 0 is the primary; higher ones are fallbacks, tried in order.
    """

    __tablename__ = "mail_servers"

    id: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(unique=True, default=0)
    provider: Mapped[str] = mapped_column(String(64))
    mail_from: Mapped[str] = mapped_column(String(320))
    host: Mapped[str] = mapped_column(String(255))
    port: Mapped[int]
    security: Mapped[str] = mapped_column(String(10))
    tls_minimum: Mapped[str] = mapped_column(String(5), default="1.2")
    timeout: Mapped[int] = mapped_column(default=10)
    proxy_type: Mapped[str] = mapped_column(String(10), default="none")
    proxy_host: Mapped[str] = mapped_column(String(255), default="")
    proxy_port: Mapped[int | None]
    proxy_username: Mapped[str] = mapped_column(String(255), default="")
    authentication: Mapped[str] = mapped_column(String(30), default="none")
    username: Mapped[str] = mapped_column(String(320), default="")
    # What the provider's own fields hold, secrets excepted.
    extra: Mapped[dict[str, Any]] = mapped_column(default=dict)
    # Field name → {"sealed": …, "saved_at": ISO date}; opened only to send.
    secrets: Mapped[dict[str, Any]] = mapped_column(default=dict, info=SEALED)
    updated_at: Mapped[datetime]
    updated_by: Mapped[str] = mapped_column(String(254), default="")
