"""The only row of a settings table: create it where it is missing, lock it, save it."""

from collections.abc import Mapping
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.core.database import Base, insert_into
from webapp.core.errors import StaleVersion
from webapp.settings.models import SINGLETON_ID, GeneralSettings, SecuritySettings

Row = TypeVar("Row", bound=Base)
Versioned = TypeVar("Versioned", GeneralSettings, SecuritySettings)


def version(session: Session, model: type[GeneralSettings] | type[SecuritySettings]) -> int:
    """Return the version of the row; 0 if nothing was saved yet."""
    return session.scalar(select(model.version).where(model.id == SINGLETON_ID)) or 0


def save(
    session: Session,
    model: type[Versioned],
    first: Mapping[str, object],
    new: Mapping[str, object],
    expected_version: int | None = None,
) -> list[str]:
    """Save `new` and return the names of what changed. `first` are the values before anything was saved.

    Of two people who save at once, the second one waits for the first. Raises StaleVersion.
    """
    row = lock_row(session, model, {**first, "version": 0})
    if expected_version not in (None, row.version):
        raise StaleVersion(row.version)
    changed = [name for name, value in new.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, new[name])
    return changed


def lock_row(session: Session, model: type[Row], first: Mapping[str, object]) -> Row:
    """Return the row, locked until the transaction ends; it is created with the values `first` if there is none."""
    made = insert_into(session, model).values(id=SINGLETON_ID, **first)
    session.execute(made.on_conflict_do_nothing())
    return session.get_one(model, SINGLETON_ID, with_for_update=True, populate_existing=True)
