"""The keys that encrypt and sign: several at once while they are rotated, themselves sealed by the secret key."""

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

# The purpose that keys are sealed for.
WRAPPED = "data key"
# Seconds for which a process does not look for new keys.
CACHE_SECONDS = 5.0
# Any number: an advisory lock, shared by those who save sealed values, exclusive for those who add a key.
LOCK = 7_145_233

log = structlog.get_logger(__name__)


class SecretKeyMissing(ConfigError):
    """The secret key does not decrypt the current key, so nothing may be sealed."""

    def __init__(self) -> None:
        super().__init__(
            "MAILROOM_SECRET_KEY: can't decrypt the newest key in the database. Add the previous secret key"
            " (new,old); if it is lost, run `mailroom rotate-keys --drop-lost`."
        )


@dataclass(frozen=True)
class Keys:
    """The keys as read from the database, by id, newest first. A key that the secret key can't decrypt is None.

    While the database has none, the secret keys take their place, all with id 0.
    """

    entries: tuple[tuple[int, str | None], ...]

    def __repr__(self) -> str:
        return f"Keys({[number for number, _ in self.entries]})"

    @property
    def secrets(self) -> tuple[str, ...]:
        """The usable keys."""
        return self.since(0)

    def since(self, first: int) -> tuple[str, ...]:
        """Return the usable keys from this id on."""
        return tuple(key for number, key in self.entries if key and number >= first)

    def require_current(self) -> "Keys":
        """Return these keys. Raises SecretKeyMissing unless the current one is usable."""
        if not self.entries[0][1]:
            raise SecretKeyMissing
        return self


def read(session: Session, secret_keys: Sequence[str]) -> Keys:
    """Read the keys from the database."""
    # Each transaction that seals asks this; through the session it takes twice as long.
    rows = session.connection().execute(select(DataKey.id, DataKey.wrapped).order_by(DataKey.id.desc())).all()
    if not rows:
        return Keys(tuple((0, key) for key in secret_keys))
    return Keys(tuple((number, unwrap(wrapped, secret_keys)) for number, wrapped in rows))


def unwrap(wrapped: str, secret_keys: Sequence[str]) -> str | None:
    """Decrypt a key; return None if no secret key can."""
    try:
        return sealer_of(tuple(secret_keys)).open(wrapped, WRAPPED)
    except CannotUnseal:
        return None


def lock(session: Session, exclusive: bool = False) -> None:
    """Keep the current key from changing until the end of the transaction; `exclusive` to change it.

    SQLite has a single writer anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        function = "pg_advisory_xact_lock" if exclusive else "pg_advisory_xact_lock_shared"
        session.execute(text(f"SELECT {function}(:lock)"), {"lock": LOCK})


class Keyring:
    """The keys that this process knows."""

    def __init__(self, database: Database, config: Config) -> None:
        self._database = database
        self._config = config
        self._known: Keys | None = None
        self._read_at = 0.0
        self._failed_at = float("-inf")

    def keys(self) -> Keys:
        """Return the keys, at most a few seconds old. Raises the database's errors if none were read before."""
        if self._known is None:
            return self._read()
        if time.monotonic() - self._read_at > CACHE_SECONDS:
            self.refresh()
        return self._known

    def refresh(self) -> bool:
        """Look for new keys; return whether there are any. If the database fails, the known ones stay.

        It is not asked again at once: a request does this several times, and each attempt may take its full time.
        """
        if time.monotonic() - self._failed_at < CACHE_SECONDS:
            return False
        before = self._known
        try:
            return self._read() != before
        except (SQLAlchemyError, ConfigError) as error:
            self._failed_at = time.monotonic()
            log.warning("keys cannot be read", error=type(error).__name__)
            return False

    def signing_keys(self) -> tuple[str, ...]:
        """Return the keys for cookies, newest first. Never fails: even error pages need a session."""
        if self._known is None or time.monotonic() - self._read_at > CACHE_SECONDS:
            self.refresh()
        return self.known() or tuple(self._config.secret_keys)

    def locked(self, session: Session) -> Keys:
        """Return the keys, which don't change until the end of the transaction. Raises SecretKeyMissing."""
        lock(session)
        return read(session, self._config.secret_keys).require_current()

    def known(self) -> tuple[str, ...]:
        """Return the usable keys without looking for new ones. What this process just sealed is under one of them."""
        return self._known.secrets if self._known else ()

    def _read(self) -> Keys:
        while True:
            secret_keys = self._config.secret_keys
            with self._database.read() as session:
                keys = read(session, secret_keys)
            # If a rotation replaced the key file meanwhile, the secret keys read before don't open its rows.
            if self._config.secret_keys == secret_keys:
                break
        self._known, self._read_at = keys, time.monotonic()
        return keys


class KeyringSealer:
    """A Sealer that seals with the current key, and looks for new keys before it gives up on a value."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def seal(self, value: str, purpose: str) -> str:
        """Encrypt a value for one purpose. Raises SecretKeyMissing."""
        return self.with_present_keys().seal(value, purpose)

    def open(self, sealed: str, purpose: str) -> str:
        """Decrypt a value. Raises CannotUnseal if no key opens it or it was sealed for another purpose."""
        try:
            return sealer_of(self._keyring.keys().secrets).open(sealed, purpose)
        except CannotUnseal:
            if not self._keyring.refresh():
                raise
            return sealer_of(self._keyring.keys().secrets).open(sealed, purpose)

    def lookup_hashes(self, text: str, purpose: str) -> list[str]:
        """Return the keyed hashes of a text, one for each key, newest first. Raises SecretKeyMissing."""
        return self.with_present_keys().lookup_hashes(text, purpose)

    def derive_secrets(self, text: str, purpose: str) -> list[bytes]:
        """Return secrets made from a text, one for each key, newest first. Raises SecretKeyMissing."""
        return self.with_present_keys().derive_secrets(text, purpose)

    def with_present_keys(self) -> KeySealer:
        """Return a sealer that doesn't look for newer keys. Raises SecretKeyMissing."""
        return sealer_of(self._keyring.keys().require_current().secrets)

    def for_commit(self, session: Session) -> KeySealer:
        """Return a sealer with the key that is current at the commit. Raises SecretKeyMissing."""
        return sealer_of(self._keyring.locked(session).secrets)


# Deriving from the keys takes longer than sealing does.
@lru_cache(maxsize=8)
def sealer_of(keys: tuple[str, ...]) -> KeySealer:
    """Return a sealer with these keys, newest first. Raises CannotUnseal if there are none."""
    if not keys:
        raise CannotUnseal("MAILROOM_SECRET_KEY can't decrypt any key in the database.")
    return KeySealer(keys)
