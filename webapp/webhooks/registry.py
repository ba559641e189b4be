"""What webhooks can be told: the types of events. Each package registers its own."""

from dataclasses import dataclass, field
from enum import Enum, auto
from types import ModuleType
from typing import cast

from flask import Flask, current_app
from flask_babel.speaklater import LazyString

EXTENSION = "mailroom.webhook_events"


class Audience(Enum):
    """Which webhooks of one application get an event. Those of all applications get every event."""

    NOBODY = auto()
    # Those of the application that it is about.
    ITS_APPLICATION = auto()
    # Those of applications that may manage users, as they may look up every user anyway.
    USER_MANAGERS = auto()


@dataclass(frozen=True)
class EventType:
    """One type of event. Receivers rely on its name, so it never changes."""

    name: str
    # Not compared: it is another text in each language.
    label: str | LazyString = field(compare=False)
    audience: Audience = Audience.NOBODY


def register(app: Flask, events: ModuleType) -> None:
    """Add the event types that a module declares. Raises ValueError if a name is taken."""
    registered: dict[str, EventType] = app.extensions.setdefault(EXTENSION, {})
    for event_type in vars(events).values():
        if isinstance(event_type, EventType):
            if event_type.name in registered:
                raise ValueError(f"two event types have the name {event_type.name}")
            registered[event_type.name] = event_type


def event_types() -> dict[str, EventType]:
    """Return the event types by name, in the order in which they were registered."""
    return cast(dict[str, EventType], current_app.extensions.get(EXTENSION, {}))
