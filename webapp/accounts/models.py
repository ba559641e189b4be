"""Who there is, and what lets them in."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from unicodedata import normalize

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.core.database import Base


class Role(StrEnum):
    """What a person may do."""

    ADMINISTRATOR = "administrator"
    MEMBER = "member"


class UserState(StrEnum):
    """Where an account stands."""

    PENDING = "pending"
    ACTIVE = "active"
    DISABLED = "disabled"


class LinkPurpose(StrEnum):
    """What a link is good for."""

    ACTIVATION = "activation"
    RESET = "reset"
    CONFIRM_ADDRESS = "confirm_address"
    RESTORE_ADDRESS = "restore_address"


def searchable(name: str, email: str) -> str:
    """The text in which an account is searched for, letter case aside."""
    return normalize("NFC", f"{name} {email}").casefold()


def _searchable(context: Any) -> str:
    given = context.get_current_parameters()
    return searchable(given["name"], given["email"])


class User(Base):
    """One person's account."""

    __tablename__ = "users"
    # A page that is open somewhere must not be about somebody else who was given a deleted person's id.
    __table_args__ = ({"sqlite_autoincrement": True},)

    # What Flask-Login asks of everybody who is signed in.
    is_authenticated = True
    is_anonymous = False

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254))
    # The address as it is compared: see accounts.addresses.address_key.
    email_key: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    # Kept beside the others because SQLite folds the case of ASCII letters alone.
    search_text: Mapped[str] = mapped_column(Text, default=_searchable)
    role: Mapped[str] = mapped_column(String(20), default=Role.MEMBER, index=True)
    status: Mapped[str] = mapped_column(String(20), default=UserState.PENDING)
    # One of webapp.core.i18n; empty: as the browser says.
    language: Mapped[str | None] = mapped_column(String(8))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime]
    activated_at: Mapped[datetime | None]
    password_changed_at: Mapped[datetime | None]


class Link(Base):
    """A one-time address in a mail; of its secret only the hash is kept."""

    __tablename__ = "links"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str] = mapped_column(String(20))
    # The one that it confirms or restores; the other purposes have none.
    address: Mapped[str | None] = mapped_column(String(254))
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    # Of the short code in the same mail, which does the same when it is typed.
    code_hash: Mapped[str | None] = mapped_column(String(200), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
    # Set when something else made it worthless: a reset done through another link.
    revoked_at: Mapped[datetime | None]
    # When an administrator saw it, to hand it over; no link is shown twice.
    shown_at: Mapped[datetime | None]


class AddressChange(Base):
    """The address that a person asked for and has not confirmed yet; there is one at most."""

    __tablename__ = "address_changes"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    email: Mapped[str] = mapped_column(String(254))
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Session(Base):
    """One browser in which a person is signed in; of its token only the hash is kept."""

    __tablename__ = "sign_ins"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    # When the password was typed last: see accounts.sign_ins.confirming.
    confirmed_at: Mapped[datetime]
    # Typed in it since the last right one: see accounts.tries.own_password.
    wrong_passwords: Mapped[int] = mapped_column(default=0)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    # Whether it outlives the browser's being closed.
    remembered: Mapped[bool] = mapped_column(default=False)
    address: Mapped[str] = mapped_column(String(64))
    device: Mapped[str] = mapped_column(String(300))


class KnownDevice(Base):
    """A browser in which a person has signed in before; of its token only the hash is kept."""

    __tablename__ = "known_devices"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    last_seen_at: Mapped[datetime] = mapped_column(index=True)


class PasswordHistoryEntry(Base):
    """A password that a person had before, for the rule that forbids to use it again."""

    __tablename__ = "former_passwords"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    replaced_at: Mapped[datetime]


class SetupToken(Base):
    """The one-time key of the `/setup` address, good until there is an administrator."""

    __tablename__ = "setup_keys"

    key_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[datetime]
