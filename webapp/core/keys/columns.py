"""The columns that hold something sealed, and how they are kept under the key in force.

A column is declared where it lives, by `info=SEALED`, and is found here by a walk through all
models: nothing has to be entered into a list that could be forgotten. They are written through
objects of the session, never by an UPDATE statement, which nobody could look into.
"""

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

from sqlalchemy import event, inspect
from sqlalchemy.orm import InstrumentedAttribute, Session

from webapp.core.database import Base, Database
from webapp.core.keys.keyring import Keyring
from webapp.core.sealing import CannotUnseal, KeySealer


@cache
def sealed_columns() -> dict[type[Base], tuple[str, ...]]:
    """The models that hold something sealed, and the names of the columns that do."""
    found = {
        mapper.class_: tuple(key for key, column in mapper.columns.items() if column.info.get("sealed"))
        for mapper in Base.registry.mappers
    }
    return {model: names for model, names in found.items() if names}


def primary_key(model: type[Base]) -> InstrumentedAttribute[Any]:
    """The one column that names a row."""
    mapper = inspect(model)
    (column,) = mapper.primary_key
    found: InstrumentedAttribute[Any] = getattr(model, mapper.get_property_by_column(column).key)
    return found


def values(value: Any) -> Iterator[tuple[str, str]]:
    """The sealed texts in a column's value, each with its name; see `with_each` for where they are."""
    if isinstance(value, dict):
        yield from ((name, entry["sealed"]) for name, entry in value.items())
    elif value:
        yield "", value


def rows_with_secrets(value: Any, act: Callable[[str], str]) -> Any:
    """A column's value with `act` done to what is sealed: the text itself, or in JSON each name's `sealed`."""
    if isinstance(value, dict):
        return {name: {**entry, "sealed": act(entry["sealed"])} for name, entry in value.items()}
    return act(value) if value else value


def under_first(value: Any, sealer: KeySealer) -> Any:
    """A column's value, all in it under the sealer's first key; what no key opens stays as it is."""
    return rows_with_secrets(value, partial(_resealed, sealer))


def reseal_on_write(database: Database, ring: Keyring) -> None:
    """Have every row saved with its sealed values under the key in force at the commit.

    A value may have been sealed a moment before a rotation, in a process that had not heard of it.
    """

    def before_flush(session: Session, _context: Any, _rows: Any) -> None:
        for row in (*session.new, *session.dirty):
            for name in sealed_columns().get(type(row), ()):
                if inspect(row).attrs[name].history.has_changes():
                    sealer = KeySealer((*ring.held(session).texts, *ring.known()))
                    setattr(row, name, under_first(getattr(row, name), sealer))

    event.listen(database.sessions, "before_flush", before_flush)


def _resealed(sealer: KeySealer, sealed: str) -> str:
    if sealer.is_current(sealed):
        return sealed
    try:
        return sealer.resealed(sealed)
    except CannotUnseal:
        return sealed
