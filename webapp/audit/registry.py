"""What the audit trail can contain: event types, and how their data reads. Each package registers its own."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, cast

from flask import Flask, current_app
from flask_babel.speaklater import LazyString
from sqlalchemy.orm import Session

EXTENSION = "mailroom-audit"

Label = str | LazyString
Describe = Callable[[Any], str]
UserLookup = Callable[[Session, str], int | None]


@dataclass(frozen=True)
class EventType:
    """One kind of event. The key is stored with every entry and is the event's name in the log: never reuse one.

    `by_subject` marks events in which a visitor has just proved to be the subject, with a password
    or a link: the subject then counts as the actor.
    """

    key: str
    label: Label
    by_subject: bool = False


@dataclass
class _Registry:
    event_types: dict[str, EventType] = field(default_factory=dict)
    details: dict[str, Describe] = field(default_factory=dict)
    field_labels: dict[str, Label] = field(default_factory=dict)
    user_lookup: UserLookup = lambda session, email: None


def _registry(app: Flask) -> _Registry:
    return cast(_Registry, app.extensions.setdefault(EXTENSION, _Registry()))


def _current() -> _Registry:
    return _registry(current_app)


def register(
    app: Flask, events: ModuleType, details: Mapping[str, Describe] = {}, field_labels: Mapping[str, Label] = {}
) -> None:
    """Add the event types that a module declares. Raises ValueError if a key is taken.

    `details` put one item of an entry's data into a sentence, by the item's name; `field_labels` name the form
    fields that entries list as changed.
    """
    registered = _registry(app)
    for event_type in vars(events).values():
        if isinstance(event_type, EventType):
            if event_type.key in registered.event_types:
                raise ValueError(f"two event types have the key {event_type.key}")
            registered.event_types[event_type.key] = event_type
    registered.details.update(details)
    registered.field_labels.update(field_labels)


def register_user_lookup(app: Flask, lookup: UserLookup) -> None:
    """Set the function that finds the id of the user who has an email address."""
    _registry(app).user_lookup = lookup


def event_types() -> list[EventType]:
    """List the event types in the order in which they were registered."""
    return list(_current().event_types.values())


def event_label(key: str) -> str:
    """Name an event type; a key that no package registers any more is shown as it is."""
    known = _current().event_types.get(key)
    return str(known.label) if known else key


def describe(data: Mapping[str, Any]) -> list[str]:
    """Put an entry's data into sentences; items without a description are shown as they are."""
    details = _current().details
    return [details[name](value) if name in details else f"{name}: {value}" for name, value in data.items()]


def field_labels(names: Iterable[str]) -> list[str]:
    """Look up the labels of form fields; those without one keep their names."""
    labels = _current().field_labels
    return [str(labels.get(name, name)) for name in names]


def find_user_id(session: Session, email: str) -> int | None:
    """Find the id of the user who has this email address now."""
    return _current().user_lookup(session, email)
