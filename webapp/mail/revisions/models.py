"""The revisions of mail servers."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from webapp.core.database import Base
from webapp.core.sealing import SEALED
from webapp.providers import Failure


class Revision(Base):
    """Settings of a mail server that took effect, numbered from 1; `MailServer.revision` is the current one.

    `values` are the columns that a form shows, with dates as ISO texts; `changed` names the fields that differ from
    the revision before. `created_by` is empty for Mailroom itself.
    """

    __tablename__ = "mail_server_revisions"
    __table_args__ = (UniqueConstraint("mail_server_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    mail_server_id: Mapped[int] = mapped_column(ForeignKey("mail_servers.id", ondelete="CASCADE"))
    number: Mapped[int]
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(254), default="")
    # The number of the revision whose settings these are again.
    restored_from: Mapped[int | None]
    changed: Mapped[list[str]] = mapped_column(JSON, default=list)
    values: Mapped[dict[str, Any]] = mapped_column(default=dict)
    provider_fields: Mapped[dict[str, Any]] = mapped_column(default=dict)
    # As in MailServer.
    sealed_secrets: Mapped[dict[str, Any]] = mapped_column(default=dict, info=SEALED)
    # The grant that was discarded when these settings were replaced: its columns, and its tokens by column.
    grant: Mapped[dict[str, Any]] = mapped_column(default=dict)
    sealed_tokens: Mapped[dict[str, Any]] = mapped_column(default=dict, info=SEALED)
    # When an email first went out with these settings.
    worked_at: Mapped[datetime | None]
    # Failures to connect or to sign in since an email went out, those of one moment counted once; the last of them.
    failures: Mapped[int] = mapped_column(default=0)
    failed_at: Mapped[datetime | None]
    failure_stage: Mapped[str] = mapped_column(String(20), default="")
    failure_code: Mapped[str] = mapped_column(String(60), default="")
    failure_params: Mapped[dict[str, Any]] = mapped_column(default=dict)
    failure_reply: Mapped[str] = mapped_column(Text, default="")
    # The revision that administrators are offered to go back to, because email failed after the change.
    rollback_to: Mapped[int | None]

    @property
    def failure(self) -> Failure | None:
        """The last failure since an email went out."""
        if not self.failures:
            return None
        return Failure(self.failure_stage, self.failure_code, self.failure_params, self.failure_reply)

    @property
    def fields(self) -> dict[str, Any]:
        """All settings that aren't secret, the provider's own included, by the name of their field."""
        return self.provider_fields | self.values
