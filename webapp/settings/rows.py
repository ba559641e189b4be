"""The only row of a settings table: made where it is missing, locked, saved."""

from collections.abc import Mapping
from typing import TypeVar

from sqlalchemy.orm import Session

from webapp.core.database import Base, insert_into
from webapp.settings.models import SINGLETON_ID

Row = TypeVar("Row", bound=Base)


def save(session: Session, model: type[Base], first: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    """Save `new`; the names of what changed. `first` is what holds while nobody saved anything.

    Of two who save at once, the second one waits until the first one is done.
    """
    row = lock_row(session, model, first)
    changed = [name for name, value in new.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, new[name])
    return changed


def lock_row(session: Session, model: type[Row], first: Mapping[str, object]) -> Row:
    """The row, which nobody else changes until the end of the transaction; with `first` in it if there was none."""
    made = insert_into(session, model).values(id=SINGLETON_ID, **first)
    session.execute(made.on_conflict_do_nothing())
    return session.get_one(model, SINGLETON_ID, with_for_update=True, populate_existing=True)
