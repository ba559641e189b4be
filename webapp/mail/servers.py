"""The saved mail servers, entered ones, and the rules that keep a saved secret from being sent elsewhere."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.applications.values import name_key
from webapp.core.database import MAX_ID
from webapp.core.sealing import CannotUnseal, Sealer
from webapp.mail.models import MailServer
from webapp.providers import Authentication, Provider
from webapp.settings import declared

# The position of the server that all email goes through, unless another one is for it or stands in.
PRIMARY = 0
_PRIMARY = select(MailServer).where(MailServer.position == PRIMARY)
PRIMARY_SAVED_AT = select(MailServer.updated_at).where(MailServer.position == PRIMARY)
PROXY_PASSWORD = "proxy_password"  # noqa: S105 -- the name of a field
# The certificate with its key that Mailroom shows to the server. The key never leaves Mailroom, whatever the server is.
CLIENT_CERTIFICATE = "client_certificate"
# Which certificates of this server are accepted besides those that this machine trusts.
TRUST = ("trusted_certificates", "pinned_certificate")
# What an application proves its identity with when it asks for tokens.
CLIENT_SECRETS = ("client_secret", "service_account_key")
# The settings that decide where a saved secret is sent. When one of them changes, the secret must be entered
# again, or anyone who may edit the form could have it sent to a server of their own.
DESTINATION = (
    "provider", "host", "port", "security", "proxy_type", "proxy_host", "proxy_port", "authentication", "username",
    "client_id", "tenant_id", "token_url", "device_authorization_url", *TRUST,
)  # fmt: skip
# The settings that decide which certificate a server presents.
CERTIFICATE_SETTINGS = ("provider", "host", "port", "security")
PROXY_DESTINATION = ("proxy_type", "proxy_host", "proxy_port", "proxy_username")
# The columns that only OAuth2 needs. They are empty for an entered server that doesn't name them.
OAUTH2_COLUMNS = ("client_id", "tenant_id", "authorize_url", "token_url", "device_authorization_url", "scopes")
# What an administrator allows at most, where that is less than the provider does.
LIMITS = ("limit_per_minute", "limit_per_day", "limit_connections")
# How the server is reached and signed in to where the usual way doesn't work, and the values of the usual way.
ROUTE = {"address_family": "any", "mechanism": ""}
# The columns that the form shows.
COLUMNS = (
    "provider", "mail_from", "host", "port", "security", "tls_minimum", *TRUST, "timeout", *ROUTE, "proxy_type",
    "proxy_host",
    "proxy_port", "proxy_username", "authentication", "username", *OAUTH2_COLUMNS, "secret_expires_on",
    *LIMITS, "goes_back",
)  # fmt: skip


@dataclass(frozen=True)
class EnteredServer:
    """A mail server as a form holds it: `values` by column, the provider's own fields, the entered secrets.

    Saved secrets that are `removed` are neither kept nor used.
    """

    provider: Provider
    values: Mapping[str, object]
    provider_fields: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)
    removed: frozenset[str] = frozenset()

    @property
    def method(self) -> Authentication | None:
        """The authentication that was chosen, if the provider has it."""
        return self.provider.authentication_named(str(self.values["authentication"]))

    @property
    def secret_names(self) -> frozenset[str]:
        """The secrets that the server can have: for its authentication, its provider's own fields and its proxy."""
        used = set(self.method.fields if self.method else ())
        names = {"password", *CLIENT_SECRETS} & used | self.provider.secret_fields | {CLIENT_CERTIFICATE}
        if self.values["proxy_type"] != "none" and self.values["proxy_username"]:
            names.add(PROXY_PASSWORD)
        return frozenset(names) - self.removed

    @property
    def new_secrets(self) -> dict[str, str]:
        """The secrets that were entered and that the server can have."""
        return {name: value for name, value in self.secrets.items() if value and name in self.secret_names}


class HasSecrets(Protocol):
    """What has secrets as MailServer has them: that, or one of its revisions."""

    @property
    def sealed_secrets(self) -> dict[str, Any]:
        """Field name → {"sealed": …, "saved_at": ISO date}."""


def primary(session: Session) -> MailServer | None:
    """Return the mail server that all email goes through, if one is saved."""
    return session.scalars(_PRIMARY).one_or_none()


def in_order(session: Session) -> list[MailServer]:
    """Return the servers that are used: the primary, then the fallbacks in the order in which they stand in."""
    used = select(MailServer).where(MailServer.position.is_not(None))
    return list(session.scalars(used.order_by(MailServer.position)))


def drafts(session: Session) -> list[MailServer]:
    """Return the drafts, the oldest first."""
    kept = select(MailServer).where(MailServer.position.is_(None))
    return list(session.scalars(kept.order_by(MailServer.id)))


def names(session: Session) -> dict[int, str]:
    """Return the names of all servers and drafts, by id."""
    return {server.id: server.name for server in session.execute(select(MailServer.id, MailServer.name))}


def by_id(session: Session, server_id: int) -> MailServer | None:
    """Return the server or draft with this id."""
    return session.get(MailServer, server_id) if 0 < server_id <= MAX_ID else None


def by_name(session: Session, name: str) -> MailServer | None:
    """Return the server or draft of this name, in upper or lower case."""
    # Not by the database: SQLite knows upper and lower case of ASCII letters only.
    wanted = name_key(name)
    return next((one for one in session.scalars(select(MailServer)) if name_key(one.name) == wanted), None)


def draft_of(session: Session, server: MailServer | None) -> MailServer | None:
    """Return the draft of changes to this server, if there is one."""
    if server is None:
        return None
    return session.scalars(select(MailServer).where(MailServer.replaces_id == server.id)).one_or_none()


def replaced_by(session: Session, draft: MailServer) -> MailServer | None:
    """Return the server whose changes this draft is; None for a server of its own."""
    return session.get(MailServer, draft.replaces_id) if draft.replaces_id is not None else None


def locked(session: Session, server: MailServer | None) -> frozenset[str]:
    """Return which fields the settings file sets of this server, or of the one that a draft replaces, by name."""
    if server is None:
        return frozenset()
    return declared.fields(session, declared.MAIL_SERVERS, (replaced_by(session, server) or server).name)


def lock_all(session: Session) -> None:
    """Keep others from changing any mail server until the transaction ends."""
    session.scalars(select(MailServer).order_by(MailServer.id).with_for_update()).all()


def lock_one(session: Session, server_id: int) -> MailServer | None:
    """Return the mail server with this id and keep others from changing it until the transaction ends."""
    return session.get(MailServer, server_id, with_for_update=True)


def secrets_to_retype(saved: MailServer | None, entered: EnteredServer) -> frozenset[str]:
    """Return the saved secrets that were left blank although their destination has changed."""
    if saved is None:
        return frozenset()
    sent = entered.secret_names - {CLIENT_CERTIFICATE}
    blank = {name for name in sent if name in saved.sealed_secrets and not entered.secrets.get(name)}
    changed = destination_changes(saved, entered)
    elsewhere = changed - {"proxy_username"}
    return frozenset(
        name for name in blank if (changed & set(PROXY_DESTINATION) if name == PROXY_PASSWORD else elsewhere)
    )


def destination_changes(saved: MailServer, entered: EnteredServer) -> frozenset[str]:
    """Return the entered settings that would send saved secrets elsewhere, or for another account."""
    return saved.differing((*DESTINATION, *PROXY_DESTINATION), entered.values, entered.provider_fields)


def open_secrets(sealer: Sealer, server: HasSecrets, needed: Collection[str] | None = None) -> dict[str, str]:
    """Return the saved secrets in the clear, by name.

    One that cannot be unsealed raises CannotUnseal if it is `needed` (all are, unless given), and is left out if not.
    """
    opened = {}
    for name, secret in server.sealed_secrets.items():
        try:
            opened[name] = sealer.open(secret["sealed"], seal_purpose(name))
        except CannotUnseal:
            if needed is None or name in needed:
                raise
    return opened


def seal_purpose(name: str) -> str:
    """Return the purpose that the secret of this name is sealed for."""
    return f"mail_server.{name}"
