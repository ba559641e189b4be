"""The kinds of messages. Each is registered by the package that owns it, as one object that knows all about it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, cast

from flask import Flask, current_app
from sqlalchemy.orm import Session

from webapp.core.errors import MailroomError, NotFound
from webapp.core.i18n import lazy_gettext as _

EXTENSION = "mailroom.message_kinds"
# Nothing under .invalid ever exists (RFC 2606, section 2).
SAMPLE_NAME, SAMPLE_RECIPIENT = "Ada Lovelace", "ada@preview.invalid"


class ClaimedMessage(Protocol):
    """What kinds read of a message: see `outbox.models.Message`, which is one; so is a row with these columns."""

    @property
    def id(self) -> int:
        """Its id."""

    @property
    def kind(self) -> str:
        """The name of its kind."""

    @property
    def recipient(self) -> str:
        """The address that it was queued for."""

    @property
    def user_id(self) -> int | None:
        """The user whom it was queued for; None where nobody was looked up."""

    @property
    def data(self) -> dict[str, Any]:
        """What it was queued with."""

    @property
    def submission_id(self) -> int | None:
        """The email that an application handed in, if it is one."""

    @property
    def created_at(self) -> datetime:
        """When it was queued."""

    @property
    def identity(self) -> str:
        """What no other message has ever had."""

    @property
    def deadline(self) -> datetime:
        """The time after which it isn't sent, and its link expires."""


class Unwanted(MailroomError):
    """The message must not be sent any more. `code` is one of its kind's `reasons`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class PreparedMessage:
    """What to compose, and in which language. It may hold a link and a code, so it is never stored.

    `link_path` starts with a slash and follows the public URL. The template has the name of the kind, unless
    `template` names another.
    """

    recipient: str
    data: Mapping[str, Any] = field(repr=False)
    language: str | None = None
    link_path: str = field(default="", repr=False)
    template: str = ""

    @property
    def secrets(self) -> tuple[str, ...]:
        """All parts of the link's path but the first, which says what it is for, and the code, which may be empty."""
        parts = [part for part in re.split(r"[/?&=#]", self.link_path) if part]
        return *parts[1:], self.data.get("code", "")


Prepare = Callable[[Session, Sequence[ClaimedMessage]], Mapping[int, PreparedMessage | Unwanted]]


def _no_sample(_now: datetime) -> PreparedMessage:
    raise NotFound


@dataclass(frozen=True)
class MessageKind:
    """One kind of message.

    `prepare` turns messages of this kind into what is sent now, or says that one is unwanted, by the ids of the
    messages; `sample` makes the preview, which kinds without one don't have. `require_wanted` raises Unwanted for what
    `prepare` would find unwanted and changes nothing; a retry by hand asks it first.
    `preview` returns a message as its recipient sees it, with a link and a code that do nothing, and changes nothing.
    `renew` ends the link of a message that is sent again and returns when the new one expires; kinds without it can't
    be sent again.
    `reasons` words the codes of Unwanted. A kind that `needs_link` waits until a public URL is set. `find_user` returns
    the id of the user with an address, or raises Unwanted, for messages queued without looking anybody up. A kind that
    `warns` tells people what others may have done in their name, administrators too: nobody can cancel it.
    """

    name: str
    label: str
    prepare: Prepare
    sample: Callable[[datetime], PreparedMessage] = _no_sample
    needs_link: bool = False
    require_wanted: Callable[[Session, ClaimedMessage], object] = lambda _session, _message: None
    preview: Callable[[Session, ClaimedMessage], PreparedMessage] | None = None
    renew: Callable[[Session, ClaimedMessage], datetime] | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)
    find_user: Callable[[Session, str], int] | None = None
    warns: bool = False


def register_kinds(app: Flask, *kinds: MessageKind) -> None:
    """Make these kinds known to the application. Raises ValueError for a name that is taken."""
    known = app.extensions.setdefault(EXTENSION, {})
    for kind in kinds:
        if kind.name in known:
            raise ValueError(f"the message kind {kind.name!r} is already registered")
        known[kind.name] = kind


def all_kinds() -> list[MessageKind]:
    """Return the registered kinds, in the order of their registration."""
    return list(_known().values())


def previewed_kinds() -> list[MessageKind]:
    """Return the kinds with a sample, which Mailroom composes itself, in the order of their registration."""
    return [kind for kind in all_kinds() if kind.sample is not _no_sample]


def find_kind(name: str) -> MessageKind | None:
    """Return the kind of this name, if it is registered."""
    return _known().get(name)


def get_kind(name: str) -> MessageKind:
    """Return the kind of this name. Raises NotFound."""
    kind = find_kind(name)
    if kind is None:
        raise NotFound
    return kind


def kind_label(name: str) -> str:
    """Return the label of a kind, or the name itself if its package was removed."""
    kind = find_kind(name)
    return str(kind.label) if kind else name


def _known() -> dict[str, MessageKind]:
    return cast(dict[str, MessageKind], current_app.extensions[EXTENSION])


def _prepare_tests(_session: Session, messages: Sequence[ClaimedMessage]) -> dict[int, PreparedMessage | Unwanted]:
    return {message.id: PreparedMessage(message.recipient, message.data) for message in messages}


def _sample_test(_now: datetime) -> PreparedMessage:
    return PreparedMessage(SAMPLE_RECIPIENT, {"name": SAMPLE_NAME, "provider": "SendGrid"})


# What mail.doctor sends; it is registered here because mail lies below the outbox.
TEST_KIND = MessageKind("test", _("Test"), _prepare_tests, _sample_test)
