"""Prepare messages to users, many at once: lock their users, decide what each says, create the links.

The same message can be looked at later, with a link that does nothing.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, bindparam, or_, select
from sqlalchemy.orm import Session

from webapp.accounts import audit_events, return_to
from webapp.accounts.links import derived
from webapp.accounts.links import service as links
from webapp.accounts.links.codes import IssuedLink
from webapp.accounts.links.derived import WantedLink
from webapp.accounts.models import LinkPurpose, Role, User
from webapp.audit import service as audit
from webapp.core.app_state import app_state
from webapp.core.email_addresses import comparison_key
from webapp.outbox.kinds import ClaimedMessage, MessageKind, Prepare, PreparedMessage, Unwanted


class LockedUser(NamedTuple):
    """What is read of a user, who is locked: a concurrent change of the account also revokes a link created here.

    Where a message is only looked at, nobody is locked.
    """

    id: int
    email: str
    email_key: str
    name: str
    role: str
    state: str
    language: str | None

    @property
    def is_administrator(self) -> bool:
        """Whether the user's role is administrator."""
        return self.role == Role.ADMINISTRATOR


class Draft(NamedTuple):
    """What a message says to a user, without its link.

    One with a `purpose` gets a link, its code and `valid_until`; the link confirms or restores `link_email`, if given.
    """

    user: LockedUser
    recipient: str
    data: Mapping[str, Any]
    purpose: LinkPurpose
    link_email: str | None = None
    template: str = ""


# Building a statement takes longer than this one does.
_USERS = (
    select(*(getattr(User, name) for name in LockedUser._fields))
    .where(
        or_(
            User.id.in_(bindparam("ids", expanding=True)),
            User.email_key.in_(bindparam("addresses", expanding=True)),
        )
    )
    .order_by(User.id)
)
_LOCKED = _USERS.with_for_update()

# In messages that are only looked at. A link's secret and a code never look like this.
DUMMY_LINK = IssuedLink("PREVIEW-this-link-does-nothing", "0000-0000")

# Raise Unwanted if a message to this user must not be sent any more.
Require = Callable[[Session, ClaimedMessage, LockedUser | None], None]
# Say what a message to this user contains; raise Unwanted if it takes a user and there is none.
Write = Callable[[ClaimedMessage, LockedUser | None], PreparedMessage | Draft]
# Say until when a new link to this user is valid.
Lifetime = Callable[[Session, LockedUser], datetime]
# The id or the address, as it is compared, of the user of a message.
UserKey = Callable[[ClaimedMessage], int | str]


def by_address(message: ClaimedMessage) -> int | str:
    """Choose the user who has the address now."""
    return comparison_key(message.recipient)


def by_id(message: ClaimedMessage) -> int | str:
    """Choose the user for whom the message was queued; where nobody was looked up, the one who has the address now."""
    return by_address(message) if message.user_id is None else message.user_id


def always_wanted(_session: Session, _message: ClaimedMessage, _user: LockedUser | None) -> None:
    """Accept every message."""


def kind_to_users(
    name: str,
    label: str,
    write: Write,
    sample: Callable[[datetime], PreparedMessage],
    *,
    require: Require = always_wanted,
    user_key: UserKey = by_id,
    lifetime: Lifetime | None = None,
    **options: Any,
) -> MessageKind:
    """Return a kind whose messages `write` makes for the user whom `user_key` chooses, unless `require` refuses it.

    With a `lifetime`, a message can be sent again.
    """

    def require_wanted(session: Session, message: ClaimedMessage) -> None:
        key = user_key(message)
        require(session, message, _read_users(session, [key], _LOCKED).get(key))

    def preview(session: Session, message: ClaimedMessage) -> PreparedMessage:
        key = user_key(message)
        written = write(message, _read_users(session, [key], _USERS).get(key))
        return _with_link(message, written, DUMMY_LINK) if isinstance(written, Draft) else written

    def renew(session: Session, message: ClaimedMessage) -> datetime:
        key = user_key(message)
        user = _read_users(session, [key], _LOCKED).get(key)
        if user is None or lifetime is None:
            raise Unwanted("no_account")
        derived.revoke(session, app_state().sealer, message.identity, user.id, message.recipient)
        return lifetime(session, user)

    return MessageKind(
        name,
        label,
        _prepare_with(require, write, user_key),
        sample,
        require_wanted=require_wanted,
        preview=preview,
        renew=renew if lifetime else None,
        **options,
    )


def _prepare_with(require: Require, write: Write, user_key: UserKey) -> Prepare:
    def prepare(session: Session, messages: Sequence[ClaimedMessage]) -> dict[int, PreparedMessage | Unwanted]:
        keys = [user_key(message) for message in messages]
        users = _read_users(session, keys, _LOCKED)
        prepared: dict[int, PreparedMessage | Unwanted] = {}
        drafts: list[tuple[ClaimedMessage, Draft]] = []
        for message, key in zip(messages, keys, strict=True):
            try:
                require(session, message, users.get(key))
                written = write(message, users.get(key))
            except Unwanted as error:
                prepared[message.id] = error
            else:
                if isinstance(written, Draft):
                    drafts.append((message, written))
                else:
                    prepared[message.id] = written
        return prepared | _add_links(session, drafts)

    return prepare


def _read_users(session: Session, keys: Collection[int | str], users: Select[Any]) -> dict[int | str, LockedUser]:
    """Read the users with these ids or addresses, in the order of their ids; return them by either."""
    values = {
        "ids": [key for key in keys if isinstance(key, int)],
        "addresses": [key for key in keys if isinstance(key, str)],
    }
    found = [LockedUser(*row) for row in session.connection().execute(users, values)]
    return {user.id: user for user in found} | {user.email_key: user for user in found}


def _add_links(
    session: Session, drafts: Sequence[tuple[ClaimedMessage, Draft]]
) -> dict[int, PreparedMessage | Unwanted]:
    """Create the links in one statement, and the audit entries in another.

    If sending fails, a link stays valid until it expires: the server may have accepted the email although its reply
    was lost, and a revoked link would arrive dead.
    """
    wanted = [
        WantedLink(
            message.identity,
            draft.user.id,
            draft.purpose,
            message.deadline,
            draft.link_email,
            message.data.get(return_to.KEY),
        )
        for message, draft in drafts
    ]
    issued = derived.issue(session, app_state().sealer, wanted)
    new = [
        draft
        for (_message, draft), link in zip(drafts, issued, strict=True)
        if isinstance(link, IssuedLink) and link.is_new
    ]
    for purpose in dict.fromkeys(draft.purpose for draft in new):
        users = [draft.user for draft in new if draft.purpose == purpose]
        audit.record_all(session, audit_events.LINK_CREATED, users, purpose=purpose)
    return {
        message.id: _with_link(message, draft, link) if isinstance(link, IssuedLink) else Unwanted("link_ended")
        for (message, draft), link in zip(drafts, issued, strict=True)
    }


def _with_link(message: ClaimedMessage, draft: Draft, link: IssuedLink) -> PreparedMessage:
    data = {**draft.data, "valid_until": message.deadline, "code": link.code}
    path = links.PATHS[draft.purpose] + link.secret
    return PreparedMessage(draft.recipient, data, draft.user.language, path, draft.template)
