"""Saved mail servers, their OAuth2 grants, and the expiry alerts that were sent about them."""

import secrets
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from webapp.core.database import Base
from webapp.core.sealing import SEALED
from webapp.providers import Failure

# What diagnosis rules may see of a mail server besides the provider's own fields: everything except the secrets.
PUBLIC_SETTINGS = (
    "mail_from", "host", "port", "security", "tls_minimum", "address_family", "mechanism", "authentication", "username",
)  # fmt: skip
# In characters, of the name of a mail server.
MAX_NAME_LENGTH = 60


def _draw_version(_present: int | None) -> int:
    """Return a version of nine digits at most; 0 stands for “nothing saved”."""
    return 1 + secrets.randbelow(10**9 - 1)


class MailServer(Base):
    """One saved outgoing server: provider, connection, authentication and sealed secrets.

    `position` 0 is the primary; higher ones are fallbacks, tried in order. Without one it is a draft, which sends
    nothing: of changes to the server that it replaces, or of a server of its own.
    """

    __tablename__ = "mail_servers"
    # An id is in URLs and in attempts, so that of a deleted server is never used again.
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int | None] = mapped_column(unique=True)
    # What people, commands and the settings file call it.
    name: Mapped[str] = mapped_column(String(MAX_NAME_LENGTH), unique=True)
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("mail_servers.id", ondelete="SET NULL"), unique=True)
    # The From domains and the identifiers of applications that it is for. With either it takes only their messages,
    # before the other servers; with neither, any. The primary has neither.
    for_domains: Mapped[list[str]] = mapped_column(JSON, default=list)
    for_applications: Mapped[list[str]] = mapped_column(JSON, default=list)
    provider: Mapped[str] = mapped_column(String(64))
    mail_from: Mapped[str] = mapped_column(String(320))
    host: Mapped[str] = mapped_column(String(255))
    port: Mapped[int]
    security: Mapped[str] = mapped_column(String(10))
    tls_minimum: Mapped[str] = mapped_column(String(5), default="1.2")
    # PEM: authorities that are trusted for this server besides this machine's, and the only certificate it may present.
    trusted_certificates: Mapped[str] = mapped_column(Text, default="", server_default="")
    pinned_certificate: Mapped[str] = mapped_column(Text, default="", server_default="")
    timeout: Mapped[int] = mapped_column(default=10)
    # `any`, `ipv4` or `ipv6`; and the only SASL mechanism to use, empty for the best that both sides know.
    address_family: Mapped[str] = mapped_column(String(10), default="any", server_default="any")
    mechanism: Mapped[str] = mapped_column(String(20), default="", server_default="")
    proxy_type: Mapped[str] = mapped_column(String(10), default="none")
    proxy_host: Mapped[str] = mapped_column(String(255), default="")
    proxy_port: Mapped[int | None]
    proxy_username: Mapped[str] = mapped_column(String(255), default="")
    authentication: Mapped[str] = mapped_column(String(30), default="none")
    username: Mapped[str] = mapped_column(String(320), default="")
    # For OAuth2 only; empty otherwise. Scopes have spaces between them.
    client_id: Mapped[str] = mapped_column(String(255), default="")
    tenant_id: Mapped[str] = mapped_column(String(255), default="")
    authorize_url: Mapped[str] = mapped_column(String(1000), default="")
    token_url: Mapped[str] = mapped_column(String(1000), default="")
    device_authorization_url: Mapped[str] = mapped_column(String(1000), default="")
    scopes: Mapped[str] = mapped_column(String(1000), default="")
    # The values of the provider's own fields, except for secrets.
    provider_fields: Mapped[dict[str, Any]] = mapped_column(default=dict)
    # Field name → {"sealed": …, "saved_at": ISO date}; unsealed only to send.
    sealed_secrets: Mapped[dict[str, Any]] = mapped_column(default=dict, info=SEALED)
    # What may be sent at most, where an administrator allows less than the provider does.
    limit_per_minute: Mapped[int | None]
    limit_per_day: Mapped[int | None]
    limit_connections: Mapped[int | None]
    # The last day of the client secret or service account key, as the administrator entered it.
    secret_expires_on: Mapped[date | None]
    # When the certificate expires that Mailroom shows to the server.
    client_certificate_expires_at: Mapped[datetime | None]
    # The certificate that the server showed last.
    certificate_since: Mapped[datetime | None]
    certificate_expires_at: Mapped[datetime | None]
    certificate_seen_at: Mapped[datetime | None]
    # Whether Mailroom restores the settings that worked if email fails after a change.
    goes_back: Mapped[bool] = mapped_column(default=False, server_default=false())
    # The number of the revision in use; 0 as long as none has taken effect.
    revision: Mapped[int] = mapped_column(default=0, server_default="0")
    updated_at: Mapped[datetime]
    updated_by: Mapped[str] = mapped_column(String(254), default="")
    # Another one after each change, so that a form that was shown before it is not saved over it. It is drawn, not
    # counted, as a form that shows the primary must not be saved over a draft either.
    version: Mapped[int] = mapped_column()

    # SQLAlchemy declares it so.
    __mapper_args__ = {"version_id_col": version, "version_id_generator": _draw_version}  # noqa: RUF012

    @property
    def is_draft(self) -> bool:
        """Whether it is kept without being used."""
        return self.position is None

    @property
    def is_dedicated(self) -> bool:
        """Whether it is only for certain senders or applications."""
        return bool(self.for_domains or self.for_applications)

    @property
    def values(self) -> dict[str, Any]:
        """All columns, by name."""
        return {column.key: getattr(self, column.key) for column in self.__table__.columns}

    @property
    def public_values(self) -> dict[str, str]:
        """What diagnosis rules may see: everything except the secrets."""
        return {**self.provider_fields, **{name: str(getattr(self, name)) for name in PUBLIC_SETTINGS}}

    def differing(
        self, names: Iterable[str], values: Mapping[str, object], provider_fields: Mapping[str, str]
    ) -> frozenset[str]:
        """Return those of these columns, and of the provider's own fields, that have other values here."""
        columns = {name for name in names if getattr(self, name) != values.get(name, "")}
        names = {*self.provider_fields, *provider_fields}
        own = {name for name in names if self.provider_fields.get(name) != provider_fields.get(name)}
        return frozenset(columns | own)


# The stage of every failure of a grant; see `webapp.mail.transcript.Stage`.
STAGE = "token"


class GrantStatus(StrEnum):
    """The status of a grant.

    NONE: nobody has authorized Mailroom yet. GENERATED: there are tokens, refreshed when due.
    ACTION_REQUIRED: the provider refuses to refresh them until an administrator does something.
    """

    NONE = "none"
    GENERATED = "generated"
    ACTION_REQUIRED = "action_required"


class Grant(Base):
    """An OAuth2 authorization: one for each mail server that uses OAuth2.

    `grant_type` is the mail server's authentication, `account` who signed in, `scopes` what was granted.
    """

    __tablename__ = "grants"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    mail_server_id: Mapped[int] = mapped_column(ForeignKey("mail_servers.id", ondelete="CASCADE"), unique=True)
    grant_type: Mapped[str] = mapped_column(String(30))
    status: Mapped[str] = mapped_column(String(20), default=GrantStatus.NONE)
    account: Mapped[str] = mapped_column(String(320), default="")
    scopes: Mapped[str] = mapped_column(Text, default="")
    sealed_refresh_token: Mapped[str] = mapped_column(Text, default="", info=SEALED)
    sealed_access_token: Mapped[str] = mapped_column(Text, default="", info=SEALED)
    granted_at: Mapped[datetime | None]
    last_refresh_at: Mapped[datetime | None]
    access_expires_at: Mapped[datetime | None]
    # When the refresh token expires according to the provider, and by when it has to be used: then,
    # or when it has been unused for as long as the provider allows.
    refresh_expires_at: Mapped[datetime | None]
    refresh_deadline: Mapped[datetime | None]
    # Whether each refresh moves that moment; None until the first refresh.
    refresh_expiry_slides: Mapped[bool | None]
    # The last failure since the last success, as in `webapp.providers.Failure`.
    failure_code: Mapped[str] = mapped_column(String(60), default="")
    failure_params: Mapped[dict[str, Any]] = mapped_column(default=dict)
    failure_reply: Mapped[str] = mapped_column(Text, default="")
    failed_at: Mapped[datetime | None]
    # When the worker asks again after a failure even if no email is waiting; None if only a person can help.
    retry_at: Mapped[datetime | None]
    # The worker that holds the lease refreshes, and no other may use the refresh token meanwhile. Its
    # end is in seconds since 1970 by the database's clock, as the clocks of several machines differ.
    lease_id: Mapped[str] = mapped_column(String(32), default="")
    lease_expires_at: Mapped[int | None] = mapped_column(BigInteger)
    # A refresh was started and its outcome is unknown: the provider may have replaced the refresh token.
    refresh_interrupted: Mapped[bool] = mapped_column(default=False)

    @property
    def failure(self) -> Failure | None:
        """The last failure, as data."""
        if not self.failure_code:
            return None
        permanent = self.status == GrantStatus.ACTION_REQUIRED
        return Failure(STAGE, self.failure_code, self.failure_params, self.failure_reply, permanent)


class AuthorizationRequest(Base):
    """An authorization at a provider that is in progress.

    It belongs to the session that started it. The secret is the PKCE verifier or the device code.
    """

    __tablename__ = "authorization_requests"

    id: Mapped[int] = mapped_column(primary_key=True)
    mail_server_id: Mapped[int] = mapped_column(ForeignKey("mail_servers.id", ondelete="CASCADE"), index=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), index=True)
    state_hash: Mapped[str] = mapped_column(String(64), unique=True)
    sealed_secret: Mapped[str] = mapped_column(Text, info=SEALED)
    redirect_uri: Mapped[str] = mapped_column(String(1000), default="")
    user_code: Mapped[str] = mapped_column(String(40), default="")
    verification_uri: Mapped[str] = mapped_column(String(1000), default="")
    # Seconds between two requests that ask whether the code was entered, and when the next one may be sent.
    interval: Mapped[int] = mapped_column(default=0)
    next_poll_at: Mapped[datetime | None]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class ExpiryAlert(Base):
    """An alert about a mail server that was sent and is not resolved yet.

    `subject` and `state` are those of `webapp.mail.expiry.service`.
    """

    __tablename__ = "expiry_alerts"
    __table_args__ = (UniqueConstraint("mail_server_id", "subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    mail_server_id: Mapped[int] = mapped_column(ForeignKey("mail_servers.id", ondelete="CASCADE"))
    subject: Mapped[str] = mapped_column(String(30))
    state: Mapped[str] = mapped_column(String(20))
    expires_at: Mapped[datetime | None]
    alerted_at: Mapped[datetime]
