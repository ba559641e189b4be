"""Who is acting: set for each request, so that services need no parameter for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Actor:
    """Who makes a request, as far as that is known: a signed-in user, their session, an address, a browser.

    `application` is the name of the application that makes it, if one does.
    """

    id: int | None = None
    email: str = ""
    ip_address: str = ""
    user_agent: str = ""
    session_id: int | None = None
    application: str = ""


# Outside of requests: Mailroom itself, or an operator on the command line.
SYSTEM = Actor()
# What the settings file sets was changed by those who may write it, whom Mailroom doesn't know.
SETTINGS_FILE = Actor(email="settings file")
_actor: ContextVar[Actor] = ContextVar("actor", default=SYSTEM)


def set_actor(actor: Actor) -> None:
    """Set who is acting from now on, in this thread."""
    _actor.set(actor)


def current_actor() -> Actor:
    """Return who is acting."""
    return _actor.get()


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """Let somebody act for a while."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)
