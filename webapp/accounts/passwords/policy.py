"""The password policy: the rules in force, whether a password satisfies them, and how old it may become.

The default rules are those of NIST SP 800-63B: a minimum length, no composition rules, and nothing that is easy to
guess. Administrators can require more under Settings, Security.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from webapp.accounts import throttles
from webapp.accounts.models import PasswordHistoryEntry, User
from webapp.accounts.passwords import hashing, strength
from webapp.accounts.passwords.hashing import normalise
from webapp.accounts.passwords.strength import Feedback, Strength
from webapp.core import clock, rate_limits
from webapp.core.app_state import app_state
from webapp.core.config import Config
from webapp.core.database import Database
from webapp.core.email_addresses import comparison_key
from webapp.core.errors import MailroomError
from webapp.settings import service as settings
from webapp.settings.service import SecurityPolicy, security

MAX_PASSWORD_LENGTH = 256
# Guessed early, whatever the product name is set to.
OWN_NAME = "Mailroom"
# Shorter words are part of many good passwords by accident.
MIN_WORD_LENGTH = 3
# A name may consist of a hundred words; each costs time.
MAX_WORDS = 50


class PasswordRejected(MailroomError):
    """The password breaks a rule; the text says which, in whole sentences."""


@dataclass(frozen=True)
class PasswordPolicy:
    """The rules in force, and the product name, which must not be the password."""

    security: SecurityPolicy
    product_name: str

    def describe(self) -> list[str]:
        """Return the rules as sentences, for the page on which a password is chosen."""
        minimum = self.security.password_min_length
        length = ngettext("Use at least %(num)s character.", "Use at least %(num)s characters.", minimum)
        return [length, *(rule for least, _found, rule in self._composition("") if least)]

    def check(self, password: str, email: str, *about: str) -> None:
        """Raise PasswordRejected unless the user with this address may have this password. Takes milliseconds.

        `about` are texts, such as the name, whose words are guessed first for this user.
        """
        if texts := self.violations(password, email) or self._guessable(self._strength(password, email, *about)):
            raise PasswordRejected(" ".join(texts))

    def feedback(self, password: str, email: str, name: str) -> Feedback:
        """Return what would make this password better for the user with this address and name."""
        found = self._strength(password, email, name)
        if texts := self.violations(password, email) or self._guessable(found):
            return Feedback(" ".join(texts))
        if not found.is_strong:
            return Feedback(" ".join([_("This password is acceptable, but not hard to guess."), *found.explain()]))
        return Feedback(_("This password is hard to guess."), good=True)

    def violations(self, password: str, email: str) -> list[str]:
        """Return the rules about length and composition that the password breaks."""
        entered, minimum = normalise(password), self.security.password_min_length
        if len(entered) > MAX_PASSWORD_LENGTH:
            return [
                ngettext(
                    "Too long: use at most %(num)s character.",
                    "Too long: use at most %(num)s characters.",
                    MAX_PASSWORD_LENGTH,
                )
            ]
        broken = []
        if len(entered) < minimum:
            broken.append(
                ngettext(
                    "Too short: use at least %(num)s character.", "Too short: use at least %(num)s characters.", minimum
                )
            )
        broken += [rule for least, found, rule in self._composition(entered) if found < least]
        if comparison_key(entered) == comparison_key(email):
            broken.append(_("Don't use your email address as your password."))
        return broken

    def _strength(self, password: str, *about: str) -> Strength:
        return strength.estimate(normalise(password), words(OWN_NAME, self.product_name, *about))

    def _guessable(self, found: Strength) -> list[str]:
        """Return what is wrong with a password of this strength, if easily guessed ones are rejected."""
        if not (self.security.password_reject_common and found.is_guessable):
            return []
        return [_("This password is easy to guess."), *found.explain()]

    def _composition(self, password: str) -> Iterator[tuple[int, int, str]]:
        """Yield for each kind of character the required number, the number in the password, and the rule as text."""
        wanted = self.security
        yield (
            wanted.password_min_uppercase,
            sum(map(str.isupper, password)),
            ngettext(
                "Use at least %(num)s uppercase letter.",
                "Use at least %(num)s uppercase letters.",
                wanted.password_min_uppercase,
            ),
        )
        yield (
            wanted.password_min_lowercase,
            sum(map(str.islower, password)),
            ngettext(
                "Use at least %(num)s lowercase letter.",
                "Use at least %(num)s lowercase letters.",
                wanted.password_min_lowercase,
            ),
        )
        yield (
            wanted.password_min_digits,
            sum(map(str.isdecimal, password)),
            ngettext("Use at least %(num)s digit.", "Use at least %(num)s digits.", wanted.password_min_digits),
        )
        yield (
            wanted.password_min_special,
            sum(not character.isalnum() for character in password),
            ngettext(
                "Use at least %(num)s character that is neither a letter nor a digit.",
                "Use at least %(num)s characters that are neither letters nor digits.",
                wanted.password_min_special,
            ),
        )


def load(session: Session, config: Config) -> PasswordPolicy:
    """Return the rules in force."""
    return PasswordPolicy(security(session), settings.general(session, config).product_name)


def current() -> PasswordPolicy:
    """Return the rules in force, for a page."""
    with app_state().database.read() as session:
        return load(session, app_state().config)


def is_expired(user: User, max_age_days: int) -> bool:
    """Return whether the user has to choose a new password; with a maximum age of 0 days, never."""
    chosen_at = user.password_changed_at or user.activated_at or user.created_at
    return max_age_days > 0 and chosen_at + timedelta(days=max_age_days) <= clock.now()


def add_to_history(session: Session, user_id: int) -> None:
    """Keep the hash of the current password before it is replaced, and delete those no longer needed."""
    length = security(session).password_history_length
    password_hash = session.scalar(select(User.password_hash).where(User.id == user_id))
    if length and password_hash:
        session.add(PasswordHistoryEntry(user_id=user_id, password_hash=password_hash, replaced_at=clock.now()))
        session.flush()
    entries = PasswordHistoryEntry
    outdated = delete(entries).where(entries.user_id == user_id, entries.id.not_in(_latest(user_id, length)))
    session.execute(outdated)


def require_not_reused(database: Database, user: User, password: str) -> None:
    """Raise PasswordRejected if the user has had this password before, and such may not be reused.

    Raises TooManyRequests. Takes as long as a login for each earlier password; no transaction is open meanwhile.
    """
    hashes = _not_reusable(database, user)
    if hashes:
        with database.transaction() as session:
            rate_limits.consume(session, throttles.NEW_PASSWORDS_BY_USER, str(user.id))
    if any(hashing.verify(password, stored_hash) for stored_hash in hashes):
        raise PasswordRejected(_("You've used this password before. Choose a different one."))


def words(*texts: str) -> list[str]:
    """Return the texts, their words, separately and joined, and the halves of addresses, unless they are too short."""
    found: list[str] = []
    for text in texts:
        inside = re.split(r"[\W_]+", text)
        found += [text, *text.split("@"), *inside] if "@" in text else [text, "".join(inside), *inside]
    return [word for word in dict.fromkeys(found) if len(word) >= MIN_WORD_LENGTH][:MAX_WORDS]


def _not_reusable(database: Database, user: User) -> list[str]:
    """Return the hashes of the current password and the ones before it, as many as may not be reused."""
    with database.read() as session:
        length = security(session).password_history_length
        if not length:
            return []
        entries = PasswordHistoryEntry
        earlier = session.scalars(select(entries.password_hash).where(entries.id.in_(_latest(user.id, length))))
        return [*filter(None, [user.password_hash]), *earlier]


def _latest(user_id: int, limit: int) -> Select[int]:
    own = select(PasswordHistoryEntry.id).where(PasswordHistoryEntry.user_id == user_id)
    return own.order_by(PasswordHistoryEntry.id.desc()).limit(limit)
