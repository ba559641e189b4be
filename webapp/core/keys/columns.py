"""Find the columns that hold sealed values, and keep those under the current key.

A column is marked where it is declared, with `info=SEALED`, and found by walking through all models, so there
is no list that could be incomplete. Write to these columns through objects, never with an UPDATE statement,
which `reseal_on_write` would not see. An INSERT of very many is fine for what `Sealer.for_commit` has sealed.
"""

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

from sqlalchemy import event, inspect
from sqlalchemy.orm import InstrumentedAttribute, Session

from webapp.core.database import Base, Database
from webapp.core.keys.keyring import Keyring, sealer_of
from webapp.core.sealing import CannotUnseal, KeySealer

# In the `info` of every session.
KEYRING = "mailroom.keyring"


@cache
def sealed_columns() -> dict[type[Base], tuple[str, ...]]:
    """Return the models that hold sealed values, with the names of those columns."""
    found = {
        mapper.class_: tuple(key for key, column in mapper.columns.items() if column.info.get("sealed"))
        for mapper in Base.registry.mappers
    }
    return {model: names for model, names in found.items() if names}


def primary_key(model: type[Base]) -> InstrumentedAttribute[Any]:
    """Return the one column that identifies a row."""
    mapper = inspect(model)
    (column,) = mapper.primary_key
    found: InstrumentedAttribute[Any] = getattr(model, mapper.get_property_by_column(column).key)
    return found


def sealed_values(value: Any) -> Iterator[tuple[str, str]]:
    """Return the sealed texts in a column's value with their names; see `map_sealed` for its shapes."""
    if isinstance(value, dict):
        yield from ((name, entry["sealed"]) for name, entry in value.items())
    elif value:
        yield "", value


def map_sealed(value: Any, change: Callable[[str], str]) -> Any:
    """Change the sealed texts in a column's value: the text itself, or in JSON the `sealed` of each name."""
    if isinstance(value, dict):
        return {name: {**entry, "sealed": change(entry["sealed"])} for name, entry in value.items()}
    return change(value) if value else value


def reseal(value: Any, sealer: KeySealer) -> Any:
    """Bring a column's value under the sealer's first key; a text that no key opens stays as it is."""
    return map_sealed(value, partial(_reseal, sealer))


def reseal_on_write(database: Database, keyring: Keyring) -> None:
    """Save every row with its sealed values under the key that is current at the commit.

    A value may have been sealed just before a rotation that its process does not know about yet.
    """
    # SQLAlchemy never lets go of a listener, so it must not refer to the application.
    database.session_info[KEYRING] = keyring
    event.listen(database.sessions, "before_flush", _before_flush)


def _before_flush(session: Session, _context: Any, _rows: Any) -> None:
    sealer: KeySealer | None = None
    for row in (*session.new, *session.dirty):
        for name in sealed_columns().get(type(row), ()):
            if inspect(row).attrs[name].history.has_changes():
                keyring: Keyring = session.info[KEYRING]
                sealer = sealer or sealer_of((*keyring.locked(session).secrets, *keyring.known()))
                setattr(row, name, reseal(getattr(row, name), sealer))


def _reseal(sealer: KeySealer, sealed: str) -> str:
    if sealer.is_current(sealed):
        return sealed
    try:
        return sealer.reseal(sealed)
    except CannotUnseal:
        return sealed
