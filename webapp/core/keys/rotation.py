"""Replace the key that encrypts and signs, while everything runs.

The current key changes in a transaction that overlaps with no other that saves sealed values. Everything
saved afterwards is under the new key (see `columns.reseal_on_write`); one walk through the rows brings the
others under it. Interrupted anywhere, a rotation loses nothing and can be repeated; so can two at once.
"""

import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from itertools import accumulate, product
from operator import add
from pathlib import Path
from typing import Any

from blinker import Signal
from sqlalchemy import Select, Text, cast, delete, func, select, update
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.core.config import MAX_COOKIE_AGE, Config, new_secret_key
from webapp.core.database import Base, Database
from webapp.core.keys.columns import primary_key, reseal, sealed_columns, sealed_values
from webapp.core.keys.keyring import WRAPPED, Keyring, lock, read, unwrap
from webapp.core.keys.models import DataKey
from webapp.core.sealing import KeySealer

# Rows that are resealed in one transaction, and characters in them: few, so that others wait only briefly and they fit
# into the memory. A single row may have more.
BATCH, MAX_LENGTH = 100, 32 * 1024 * 1024
# Browsers may come back with a cookie signed by an old key for this long.
KEY_RETENTION = MAX_COOKIE_AGE

# Sent inside the transaction: with `session` and the new key's `key_id`, or with `session` and a `count`.
key_added = Signal()
keys_dropped = Signal()
keys_forgotten = Signal()


@dataclass
class RotationResult:
    """What a rotation did and found. Rows are named by table, id and column."""

    key: int
    resealed: Counter[str] = field(default_factory=Counter)
    # Values that only an old key opens.
    left: list[str] = field(default_factory=list)
    # Values that no key opens.
    lost: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether every sealed value opens with the new key."""
        return not self.left and not self.lost


def rotate(database: Database, config: Config, keyring: Keyring, drop_old: bool = False) -> RotationResult:
    """Add a new key and reseal everything with it.

    Old keys keep opening cookies and forms unless `drop_old` is set. Keys that a saved value still needs are
    always kept. Raises SecretKeyMissing.
    """
    with database.transaction() as session:
        outcome = RotationResult(_add(session, config))
    keyring.refresh()
    for model in sealed_columns():
        _reseal(database, keyring, model, outcome)
    with database.read() as session:
        _examine(session, keyring, outcome)
    if outcome.complete:
        with database.transaction() as session:
            _retire(session, config, outcome.key, drop_old)
    keyring.refresh()
    return outcome


def forget_lost_keys(database: Database, config: Config) -> int:
    """Delete the keys that the secret key can't decrypt; return their number. Values sealed with them are lost."""
    with database.transaction() as session:
        lock(session, exclusive=True)
        rows = session.scalars(select(DataKey)).all()
        lost = [row for row in rows if unwrap(row.wrapped, config.secret_keys) is None]
        for row in lost:
            session.delete(row)
        keys_forgotten.send(session=session, count=len(lost))
        return len(lost)


def sweep(session: Session, now: datetime) -> None:
    """Delete keys that were retired so long ago that nothing signed with them is valid."""
    session.execute(delete(DataKey).where(DataKey.retired_at <= now - KEY_RETENTION))


def _add(session: Session, config: Config) -> int:
    """Add a new key, bring all keys under the newest secret key, return the new id. Raises SecretKeyMissing."""
    lock(session, exclusive=True)
    before = config.secret_keys
    keys = read(session, before).require_current()
    if config.owns_secret_key:
        _write(config.secret_key_file, [new_secret_key(), *before])
    wrapper = KeySealer(config.secret_keys)
    if keys.entries[0][0] == 0:
        # Until now the secret keys were used directly.
        session.add_all(_wrapped(wrapper, key) for key in reversed(keys.secrets))
        session.flush()
    for row in session.scalars(select(DataKey)):
        if unwrap(row.wrapped, before) is not None:
            row.wrapped = wrapper.reseal(row.wrapped)
    new = _wrapped(wrapper, new_secret_key())
    session.add(new)
    session.flush()
    key_added.send(session=session, key_id=new.id)
    return new.id


def _wrapped(wrapper: KeySealer, key: str) -> DataKey:
    return DataKey(wrapped=wrapper.seal(key, WRAPPED), created_at=clock.now())


def _reseal(database: Database, keyring: Keyring, model: type[Base], outcome: RotationResult) -> None:
    """Bring every row of a model under the current key, one batch at a time."""
    last = None
    while True:
        with database.transaction() as session:
            keys = _following(session, model, last)
            if not keys:
                return
            sealer = KeySealer(keyring.locked(session).secrets)
            for row in session.scalars(_rows(model, keys).with_for_update()).all():
                outcome.resealed[model.__tablename__] += _reseal_row(row, sealer)
            last = keys[-1]


def _following(session: Session, model: type[Base], last: Any) -> list[Any]:
    """Return the keys of the next batch of rows, after the key `last`. Some may be deleted before they are read."""
    key = primary_key(model)
    lengths = (func.coalesce(func.length(cast(getattr(model, name), Text)), 0) for name in sealed_columns()[model])
    following = select(key, reduce(add, lengths)).order_by(key).limit(BATCH)
    found = session.execute(following if last is None else following.where(key > last)).all()
    totals = accumulate(length for _key, length in found)
    fit = [one for (one, _length), total in zip(found, totals, strict=True) if total <= MAX_LENGTH]
    return fit or [one for one, _length in found[:1]]


def _rows(model: type[Base], keys: Sequence[Any]) -> Select[Base]:
    key = primary_key(model)
    return select(model).where(key.in_(keys)).order_by(key)


def _reseal_row(row: Base, sealer: KeySealer) -> int:
    """Reseal a row's values where needed; return 1 if any changed, else 0."""
    changed = 0
    for name in sealed_columns()[type(row)]:
        before = getattr(row, name)
        after = reseal(before, sealer)
        if after != before:
            setattr(row, name, after)
            changed = 1
    return changed


def _examine(session: Session, keyring: Keyring, outcome: RotationResult) -> None:
    """Find values that open neither with the new key nor with a newer one that another rotation added meanwhile."""
    keys = keyring.locked(session)
    new, every = KeySealer(keys.since(outcome.key)), KeySealer(keys.secrets)
    for where, sealed in _all_sealed_values(session):
        if not new.opens(sealed):
            (outcome.left if every.opens(sealed) else outcome.lost).append(where)


def _all_sealed_values(session: Session) -> Iterator[tuple[str, str]]:
    for model, names in sealed_columns().items():
        key, last = primary_key(model).key, None
        while keys := _following(session, model, last):
            for row, name in product(session.scalars(_rows(model, keys)), names):
                for inner, sealed in sealed_values(getattr(row, name)):
                    yield f"{model.__tablename__} {getattr(row, key)} {name} {inner}".rstrip(), sealed
            last = keys[-1]


def _retire(session: Session, config: Config, new: int, drop_old: bool) -> None:
    """Retire or delete the keys before the new one, which no saved value needs, and drop replaced secret keys."""
    lock(session, exclusive=True)
    if drop_old:
        dropped = session.scalars(delete(DataKey).where(DataKey.id < new).returning(DataKey.id)).all()
        keys_dropped.send(session=session, count=len(dropped))
    else:
        unretired = update(DataKey).where(DataKey.id < new, DataKey.retired_at.is_(None))
        session.execute(unretired.values(retired_at=clock.now()))
    newest = config.secret_keys[:1]
    if config.owns_secret_key and all(unwrap(one, newest) for one in session.scalars(select(DataKey.wrapped))):
        _write(config.secret_key_file, newest)


def _write(path: Path, keys: list[str]) -> None:
    """Replace the file atomically, readable for its owner only, and sync it to disk before anything depends on it."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix="secret-key-", delete=False) as file:
        file.write(",".join(keys))
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
