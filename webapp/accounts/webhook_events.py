"""The events about users that webhooks get."""

from typing import NamedTuple

from sqlalchemy.orm import Session

from webapp.accounts.models import User
from webapp.core.i18n import lazy_gettext as lazy
from webapp.webhooks import events as webhooks
from webapp.webhooks.events import Event
from webapp.webhooks.registry import Audience, EventType

CREATED = EventType("user.created", lazy("Account created"), Audience.USER_MANAGERS)
ACTIVATED = EventType("user.activated", lazy("Account activated"), Audience.USER_MANAGERS)
PASSWORD_RESET = EventType("user.password_reset", lazy("Password reset"), Audience.USER_MANAGERS)
DISABLED = EventType("user.disabled", lazy("Account disabled"), Audience.USER_MANAGERS)
ENABLED = EventType("user.enabled", lazy("Account enabled"), Audience.USER_MANAGERS)
DELETED = EventType("user.deleted", lazy("Account deleted"), Audience.USER_MANAGERS)

_TEXTS = {
    CREATED: "The account of {} was created.",
    ACTIVATED: "The account of {} was activated.",
    PASSWORD_RESET: "The password of {} was reset.",
    DISABLED: "The account of {} was disabled.",
    ENABLED: "The account of {} was enabled.",
    DELETED: "The account of {} was deleted.",
}


class Account(NamedTuple):
    """What an event says about a user, where there is no row of the user."""

    id: int
    email: str
    name: str
    role: str
    state: str


def announce(session: Session, event_type: EventType, *users: User | Account) -> None:
    """Queue an event about each of these users, in the transaction in which it happens."""
    webhooks.enqueue_all(session, [_event(event_type, user) for user in users])


def _event(event_type: EventType, user: User | Account) -> Event:
    about = {"id": user.id, "email": user.email, "name": user.name, "role": str(user.role), "state": str(user.state)}
    return Event(event_type, _TEXTS[event_type].format(user.email), {"user": about})
