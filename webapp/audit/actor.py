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
MAILROOM = Actor()
_acting: ContextVar[Actor] = ContextVar("actor", default=MAILROOM)


def acts(actor: Actor) -> None:
    """Who acts from now on, in this thread."""
    _acting.set(actor)


def acting() -> Actor:
    """Who acts."""
    return _acting.get()
