"""Who acts: set for each request, so that no service has to be told."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Actor:
    """Somebody who asks for something, as far as it is known: a person signed in, an address, a browser."""

    id: int | None = None
    email: str = ""
    client: str = ""
    device: str = ""


# Outside of requests it is Mailroom itself, or who works at its command line.
SYSTEM = Actor()
_acting: ContextVar[Actor] = ContextVar("actor", default=SYSTEM)


def set_actor(actor: Actor) -> None:
    """Who acts from now on, in this thread."""
    _acting.set(actor)


def current_actor() -> Actor:
    """Who acts."""
    return _acting.get()
