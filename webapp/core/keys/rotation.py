"""A new key for all that is sealed and signed, while everything runs.

The key in force changes in one transaction that no saving of a sealed value overlaps, so whatever
is saved afterwards is under the new key (see `columns.keep_current`), and one walk through the
rows brings the others under it. Broken off anywhere, it loses nothing and can be run again; so can
two at once.
"""

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from blinker import Signal
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.core.config import Config, new_secret_key
from webapp.core.database import Base, Database
from webapp.core.keys.columns import primary_key, sealed_columns, under_first, values
from webapp.core.keys.keyring import WRAPPED, Keyring, read, store, unwrapped
from webapp.core.keys.models import DataKey
from webapp.core.sealing import KeySealer
from webapp.web.cookies import MAX_COOKIE_AGE

# Rows that are sealed anew in one transaction: nobody waits long for it.
BATCH = 100
# As long as a browser may come back with a cookie that an earlier key signed.
KEY_RETENTION = MAX_COOKIE_AGE

# Sent inside the transaction: with `session` and the new key's `key_id`, or with `session` and a `count`.
key_added = Signal()
keys_dropped = Signal()
keys_forgotten = Signal()


@dataclass
class RotationResult:
    """What a rotation did and found; a row is written as its table, id and column."""

    key: int
    resealed: Counter[str] = field(default_factory=Counter)
    # What only an earlier key opens.
    left: list[str] = field(default_factory=list)
    # What no key opens.
    lost: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether every sealed value opens with the key in force."""
        return not self.left and not self.lost


def rotate(database: Database, config: Config, ring: Keyring, drop_old: bool = False) -> RotationResult:
    """Put a new key in force and seal everything anew with it.

    Earlier keys go on opening cookies and forms, unless `drop_old`; they stay in any case while
    something needs them. Raises SecretKeyMissing.
    """
    with database.transaction() as session:
        outcome = RotationResult(_add(session, config))
    ring.reread()
    for model in sealed_columns():
        _reseal(database, ring, model, outcome)
    with database.read() as session:
        _examine(session, ring, outcome)
    if outcome.complete:
        with database.transaction() as session:
            _retire(session, config, outcome.key, drop_old)
    ring.reread()
    return outcome


def forget_lost_keys(database: Database, config: Config) -> int:
    """Forget the keys that the secret key does not open, and so what only they open; how many there were."""
    with database.transaction() as session:
        store(session, alone=True)
        rows = session.scalars(select(DataKey)).all()
        lost = [row for row in rows if unwrapped(row.wrapped, config.secret_keys) is None]
        for row in lost:
            session.delete(row)
        keys_forgotten.send(session=session, count=len(lost))
        return len(lost)


def sweep(session: Session, now: datetime) -> None:
    """Delete the keys that nothing which still counts was signed with."""
    session.execute(delete(DataKey).where(DataKey.retired_at <= now - KEY_RETENTION))


def _add(session: Session, config: Config) -> int:
    """Put a new key in force, all keys under the newest secret key; its id. Raises SecretKeyMissing."""
    store(session, alone=True)
    before = config.secret_keys
    keys = read(session, before).to_seal()
    if config.owns_secret_key:
        _write(config.secret_key_file, [new_secret_key(), *before])
    wrapper = KeySealer(config.secret_keys)
    if keys.entries[0][0] == 0:
        # Until now the secret keys sealed and signed themselves.
        session.add_all(_wrapped(wrapper, key) for key in reversed(keys.texts))
        session.flush()
    for row in session.scalars(select(DataKey)):
        if unwrapped(row.wrapped, before) is not None:
            row.wrapped = wrapper.resealed(row.wrapped)
    new = _wrapped(wrapper, new_secret_key())
    session.add(new)
    session.flush()
    key_added.send(session=session, key_id=new.id)
    return new.id


def _wrapped(wrapper: KeySealer, key: str) -> DataKey:
    return DataKey(wrapped=wrapper.seal(key, WRAPPED), created_at=clock.now())


def _reseal(database: Database, ring: Keyring, model: type[Base], outcome: RotationResult) -> None:
    """Bring every row of this model under the key in force, a batch at a time."""
    key, last = primary_key(model), None
    while True:
        with database.transaction() as session:
            following = select(model).order_by(key).limit(BATCH).with_for_update()
            rows = session.scalars(following if last is None else following.where(key > last)).all()
            if not rows:
                return
            sealer = KeySealer(ring.held(session).texts)
            for row in rows:
                outcome.resealed[model.__tablename__] += _anew(row, sealer)
            last = getattr(rows[-1], key.key)


def _anew(row: Base, sealer: KeySealer) -> int:
    """Seal the row's values anew where need be; whether any was."""
    changed = 0
    for name in sealed_columns()[type(row)]:
        before = getattr(row, name)
        after = under_first(before, sealer)
        if after != before:
            setattr(row, name, after)
            changed = 1
    return changed


def _examine(session: Session, ring: Keyring, outcome: RotationResult) -> None:
    """Find what does not open with the new key, nor with a newer one that somebody else put in force meanwhile."""
    keys = ring.held(session)
    new, every = KeySealer(keys.since(outcome.key)), KeySealer(keys.texts)
    for where, sealed in _everything(session):
        if not new.opens(sealed):
            (outcome.left if every.opens(sealed) else outcome.lost).append(where)


def _everything(session: Session) -> Iterator[tuple[str, str]]:
    for model, names in sealed_columns().items():
        key = primary_key(model)
        for row in session.scalars(select(model).order_by(key).execution_options(yield_per=BATCH)):
            for name in names:
                for inner, sealed in values(getattr(row, name)):
                    yield f"{model.__tablename__} {getattr(row, key.key)} {name} {inner}".rstrip(), sealed


def _retire(session: Session, config: Config, new: int, drop_old: bool) -> None:
    """Nothing saved needs the keys before this one: retire or delete them, and what the secret key replaced."""
    store(session, alone=True)
    if drop_old:
        dropped = session.scalars(delete(DataKey).where(DataKey.id < new).returning(DataKey.id)).all()
        keys_dropped.send(session=session, count=len(dropped))
    else:
        unretired = update(DataKey).where(DataKey.id < new, DataKey.retired_at.is_(None))
        session.execute(unretired.values(retired_at=clock.now()))
    newest = config.secret_keys[:1]
    if config.owns_secret_key and all(unwrapped(one, newest) for one in session.scalars(select(DataKey.wrapped))):
        _write(config.secret_key_file, newest)


def _write(path: Path, keys: list[str]) -> None:
    """Replace the file as a whole, for its owner alone, and have it on the disk before anything depends on it."""
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
