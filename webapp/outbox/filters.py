"""What the list of messages can be limited to."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from webapp.outbox.models import MessageState


class StateFilter(StrEnum):
    """The tabs of the list."""

    ALL = "all"
    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    EXPIRED = "expired"
    UNCERTAIN = "uncertain"
    CANCELLED = "cancelled"

    @property
    def states(self) -> tuple[MessageState, ...]:
        """The states that the tab shows."""
        if self is StateFilter.ALL:
            return tuple(MessageState)
        if self is StateFilter.WAITING:
            return MessageState.QUEUED, MessageState.SENDING
        return (MessageState(self.value),)


@dataclass(frozen=True)
class Filter:
    """Which messages to show; empty values exclude nothing. Days are in UTC, both included.

    `address` is a complete address, the beginning of one, or a domain after an @.
    """

    shown: StateFilter = StateFilter.ALL
    kind: str = ""
    address: str = ""
    since: date | None = None
    until: date | None = None
    user_id: int | None = None
    application_id: int | None = None
