"""Users, and what lets them in: links, sessions, known devices, passwords."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Any
from unicodedata import normalize

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.core.database import Base, JsonObject


class Role(StrEnum):
    """What a user may do."""

    ADMINISTRATOR = "administrator"
    MEMBER = "member"


class UserState(StrEnum):
    """Whether an account can be used."""

    PENDING = "pending"
    ACTIVE = "active"
    DISABLED = "disabled"


class LinkPurpose(StrEnum):
    """What a link does."""

    ACTIVATION = "activation"
    RESET = "reset"
    CONFIRM_ADDRESS = "confirm_address"
    RESTORE_ADDRESS = "restore_address"


# Of longer words, this many letters are kept.
MAX_WORD_LENGTH = 40
# In scripts that are written without spaces, each character is a word: kana, ideographs, Hangul.
_UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")


def search_words(text: str) -> list[str]:
    """Return the words of a text as a search compares them: case-folded letters and digits, each word once."""
    found = _WORD.findall(normalize("NFC", text).casefold())
    return list(dict.fromkeys(word[:MAX_WORD_LENGTH] for word in found))


def searchable(name: str, email: str) -> str:
    """Return the words of a user, each after a space. A trigger writes them into `user_words`, too."""
    return "".join(f" {word}" for word in search_words(f"{name} {email}"))


def _searchable(context: Any) -> str:
    values = context.get_current_parameters()
    return searchable(values["name"], values["email"])


class User(Base):
    """A person with an account."""

    __tablename__ = "users"
    # The id of a deleted user is not reused: a page that is still open must not refer to another account.
    __table_args__ = (
        # For the filters of the list, which is ordered by id.
        Index("ix_users_state", "state", "id"),
        Index("ix_users_role", "role", "id"),
        Index("ix_users_role_state", "role", "state", "id"),
        {"sqlite_autoincrement": True},
    )

    # Required by Flask-Login.
    is_authenticated = True
    is_anonymous = False

    # The session that sends this request, if there is one.
    session_id = 0
    session_identity = ""

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254))
    # The address as it is compared: see core.email_addresses.comparison_key.
    email_key: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    # See `searchable`.
    search_text: Mapped[str] = mapped_column(Text, default=_searchable)
    role: Mapped[str] = mapped_column(String(20), default=Role.MEMBER)
    state: Mapped[str] = mapped_column(String(20), default=UserState.PENDING)
    # A code from webapp.core.i18n; null: the language of the browser.
    language: Mapped[str | None] = mapped_column(String(8))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime]
    activated_at: Mapped[datetime | None]
    password_changed_at: Mapped[datetime | None]

    @property
    def is_administrator(self) -> bool:
        """Whether the user's role is administrator."""
        return self.role == Role.ADMINISTRATOR


class UserWord(Base):
    """A word that finds a user, by its beginning. Triggers on `users` keep them, so no other code writes them.

    They also delete them: a foreign key would be checked for each word, which takes PostgreSQL longer than the rest.
    """

    __tablename__ = "user_words"
    __table_args__ = ({"sqlite_with_rowid": False},)

    # Ordered by code point, so that a range of words has the same beginning.
    word: Mapped[str] = mapped_column(
        String(MAX_WORD_LENGTH).with_variant(String(MAX_WORD_LENGTH, collation="C"), "postgresql"), primary_key=True
    )
    user_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, index=True)


class Link(Base):
    """A one-time link; only the hash of its secret is stored."""

    __tablename__ = "links"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str] = mapped_column(String(20))
    # The address that the link confirms or restores; null for the other purposes.
    email: Mapped[str | None] = mapped_column(String(254))
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    # The hash of the short code in the same email, which can be entered instead of opening the link.
    code_hash: Mapped[str | None] = mapped_column(String(200), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
    # When something else made the link invalid, such as a reset through another link.
    revoked_at: Mapped[datetime | None]
    # When an administrator saw the link, or an application got it, to pass it on; no link is shown twice.
    shown_to_admin_at: Mapped[datetime | None]
    # Where an application wants the person led back to: see `accounts.return_to`.
    return_to: Mapped[dict[str, Any] | None] = mapped_column(JsonObject(none_as_null=True))


class AddressChange(Base):
    """A new address that a user has not confirmed yet; each user has at most one."""

    __tablename__ = "address_changes"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    email: Mapped[str] = mapped_column(String(254))
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Session(Base):
    """A signed-in browser; only the hash of its token is stored."""

    __tablename__ = "sessions"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    # When the password was last entered: see accounts.sessions.reauthentication.
    authenticated_at: Mapped[datetime]
    # Since the password was last entered correctly.
    failed_password_checks: Mapped[int] = mapped_column(default=0)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    # Whether the session outlives closing the browser.
    remembered: Mapped[bool] = mapped_column(default=False)
    ip_address: Mapped[str] = mapped_column(String(64))
    user_agent: Mapped[str] = mapped_column(String(300))

    @property
    def identity(self) -> str:
        """What no other session has ever had; ids are used again after an older backup was restored."""
        return f"{self.id} {self.created_at.isoformat()}"


class KnownDevice(Base):
    """A browser that a user has signed in with before; only the hash of its token is stored."""

    __tablename__ = "known_devices"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    last_seen_at: Mapped[datetime] = mapped_column(index=True)


class PasswordHistoryEntry(Base):
    """A previous password of a user, for the rule against reusing one."""

    __tablename__ = "password_history"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    replaced_at: Mapped[datetime]


class SetupToken(Base):
    """The one-time token of the `/setup` URL, valid until there is an administrator."""

    __tablename__ = "setup_tokens"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[datetime]
