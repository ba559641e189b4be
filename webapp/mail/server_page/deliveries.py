"""What became of email by each mail server: the outbox knows, and the list of mail servers shows it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, cast

from flask import Flask, current_app
from sqlalchemy.orm import Session

from webapp.providers import Failure

EXTENSION = "mailroom deliveries"


class Deliveries(NamedTuple):
    """When a server accepted an email last, its last failure, and since when it is failing, if it is."""

    sent_at: datetime | None = None
    failed_at: datetime | None = None
    failure: Failure | None = None
    failing_since: datetime | None = None


Find = Callable[[Session, Sequence[int]], dict[int, Deliveries]]


def register(app: Flask, find: Find) -> None:
    """Have the list ask this function, which gets the ids of servers."""
    app.extensions[EXTENSION] = find


def of_servers(session: Session, ids: Sequence[int]) -> dict[int, Deliveries]:
    """Return what became of email by these servers."""
    return cast(Find, current_app.extensions[EXTENSION])(session, ids)
