"""What one process knows of the keys, and how it hears of new ones."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import structlog
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.core.config import Config, ConfigError
from webapp.core.database import Database
from webapp.core.keys.models import DataKey
from webapp.core.sealing import CannotUnseal, KeySealer

# The purpose that a key is sealed for.
WRAPPED = "data key"
# Seconds for which a process need not look whether there is a new key.
FRESH = 5.0
# Any number. Who saves something sealed holds it together with others; who adds a key holds it alone.
LOCK = 7_145_233

log = structlog.get_logger(__name__)


class SecretKeyMissing(ConfigError):
    """The secret key does not open the key in force, so nothing may be sealed."""

    def __init__(self) -> None:
        super().__init__(
            "MAILROOM_SECRET_KEY: does not open the newest key in the database. Give the one used before as well"
            " (new,old); if it is lost, run `mailroom rotate-keys --drop-lost`."
        )


@dataclass(frozen=True)
class Keys:
    """The keys at one moment, by id, newest first; None is one that the secret key does not open.

    While the database has none, the secret keys themselves stand in, all as number 0.
    """

    entries: tuple[tuple[int, str | None], ...]

    def __repr__(self) -> str:
        return f"Keys({[number for number, _ in self.entries]})"

    @property
    def texts(self) -> tuple[str, ...]:
        """Those that can be used."""
        return self.since(0)

    def since(self, first: int) -> tuple[str, ...]:
        """Those that can be used, from this one on."""
        return tuple(text for number, text in self.entries if text and number >= first)

    def to_seal(self) -> "Keys":
        """These keys. Raises SecretKeyMissing unless the one in force can be used."""
        if not self.entries[0][1]:
            raise SecretKeyMissing
        return self


def read(session: Session, secret_keys: Sequence[str]) -> Keys:
    """The keys as the database has them."""
    rows = session.execute(select(DataKey.id, DataKey.wrapped).order_by(DataKey.id.desc())).all()
    if not rows:
        return Keys(tuple((0, key) for key in secret_keys))
    return Keys(tuple((number, unwrapped(wrapped, secret_keys)) for number, wrapped in rows))


def unwrapped(wrapped: str, secret_keys: Sequence[str]) -> str | None:
    """The key, or None when no secret key opens it."""
    try:
        return KeySealer(secret_keys).open(wrapped, WRAPPED)
    except CannotUnseal:
        return None


def store(session: Session, alone: bool = False) -> None:
    """Keep the key in force as it is until the end of the transaction; `alone` to change it.

    Writers of SQLite are alone anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        lock = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
        session.execute(text(f"SELECT {lock}(:lock)"), {"lock": LOCK})


class Keyring:
    """The keys that this process knows."""

    def __init__(self, database: Database, config: Config) -> None:
        self._database = database
        self._config = config
        self._known: Keys | None = None
        self._read_at = 0.0

    def keys(self) -> Keys:
        """The keys, at most a few seconds old. Raises what the database raises while none were read yet."""
        if self._known is None:
            return self._read()
        if time.monotonic() - self._read_at > FRESH:
            self.reread()
        return self._known

    def reread(self) -> bool:
        """Look for new keys; whether there are any. While the database does not answer, the known ones stay."""
        before = self._known
        try:
            return self._read() != before
        except (SQLAlchemyError, ConfigError) as error:
            log.warning("the keys cannot be read", error=type(error).__name__)
            return False

    def signing(self) -> tuple[str, ...]:
        """The keys for cookies, newest first; never fails, as the page that tells of a failure needs one, too."""
        if self._known is None or time.monotonic() - self._read_at > FRESH:
            self.reread()
        return self.known() or tuple(self._config.secret_keys)

    def held(self, session: Session) -> Keys:
        """The keys, which stay as they are until the end of the transaction. Raises SecretKeyMissing."""
        store(session)
        return read(session, self._config.secret_keys).to_seal()

    def known(self) -> tuple[str, ...]:
        """The keys that were known a moment ago: what was just sealed is sealed with one of them."""
        return self._known.texts if self._known else ()

    def _read(self) -> Keys:
        while True:
            secret_keys = self._config.secret_keys
            with self._database.read() as session:
                keys = read(session, secret_keys)
            # A rotation that replaced the file in between has made rows that the former keys do not open.
            if self._config.secret_keys == secret_keys:
                break
        self._known, self._read_at = keys, time.monotonic()
        return keys


class KeyringSealer:
    """A Sealer that seals with the key in force, and looks for new keys before it gives a value up."""

    def __init__(self, ring: Keyring) -> None:
        self._ring = ring

    def seal(self, value: str, purpose: str) -> str:
        """Encrypt a value for one purpose. Raises SecretKeyMissing."""
        return _sealer(self._ring.keys().to_seal().texts).seal(value, purpose)

    def open(self, sealed: str, purpose: str) -> str:
        """The value again. Raises SealBroken when no key opens it or the purpose differs."""
        try:
            return _sealer(self._ring.keys().texts).open(sealed, purpose)
        except CannotUnseal:
            if not self._ring.reread():
                raise
            return _sealer(self._ring.keys().texts).open(sealed, purpose)

    def marks(self, text: str, purpose: str) -> list[str]:
        """The keyed hashes of a text, one for each key, that of the key in force first. Raises SecretKeyMissing."""
        return _sealer(self._ring.keys().to_seal().texts).marks(text, purpose)


# Deriving from the keys takes longer than sealing does.
@lru_cache(maxsize=8)
def _sealer(texts: tuple[str, ...]) -> KeySealer:
    if not texts:
        raise CannotUnseal("MAILROOM_SECRET_KEY opens none of the keys in the database.")
    return KeySealer(texts)
