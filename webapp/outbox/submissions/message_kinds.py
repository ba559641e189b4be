"""The kind of the messages of applications."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from webapp.core.i18n import lazy_gettext as _
from webapp.outbox.kinds import ClaimedMessage, MessageKind, PreparedMessage, Unwanted
from webapp.outbox.submissions import contents
from webapp.outbox.submissions.service import KIND


def _prepare(_session: Session, messages: Sequence[ClaimedMessage]) -> dict[int, PreparedMessage | Unwanted]:
    """Return nothing to compose: what is sent is the stored content."""
    return {message.id: PreparedMessage(message.recipient, {}) for message in messages}


def _require_wanted(session: Session, message: ClaimedMessage) -> None:
    contents.require_content(session, message.submission_id)


APPLICATION_KIND = MessageKind(
    KIND,
    _("From an application"),
    _prepare,
    require_wanted=_require_wanted,
    reasons={contents.DELETED: _("The content of this email has been deleted.")},
)
