"""What a new password has to be like: the rules in force, in words, and whether a password keeps them.

As set at first they are those of NIST SP 800-63B: a length, nothing about the composition, and
nothing that is guessed early. Administrators can ask for more under Settings, Security.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session

from webapp.accounts.models import User
from webapp.accounts.passwords import strength
from webapp.accounts.passwords.hashing import normalised
from webapp.accounts.passwords.strength import Strength
from webapp.core import clock
from webapp.core.config import Config
from webapp.core.email_addresses import comparison_key
from webapp.core.errors import MailroomError
from webapp.settings import service as settings
from webapp.settings.service import SecurityPolicy, security

MAX_LENGTH = 256
# Guessed whatever the site calls itself.
OURSELVES = "Mailroom"
# Shorter ones are found in many good passwords by accident.
SHORTEST_WORD = 3
# A name may hold a hundred words; each costs time.
MOST_WORDS = 50


class PasswordRejected(MailroomError):
    """The password breaks a rule; its text says which, in whole sentences."""


@dataclass(frozen=True)
class PasswordPolicy:
    """The rules in force on a site of this name."""

    security: SecurityPolicy
    product_name: str

    def in_words(self) -> list[str]:
        """The rules as sentences, for the page on which a password is chosen."""
        least = self.security.password_min_length
        length = ngettext("Use at least %(num)s character.", "Use at least %(num)s characters.", least)
        return [length, *(rule for least, _found, rule in self._kinds("") if least)]

    def check(self, password: str, email: str, *about: str) -> None:
        """Whether the person with this address may have this password; takes milliseconds. Raises BadPassword.

        `about` are texts whose words are guessed first for this person: the name, for one.
        """
        if broken := self.broken(password, email) or self.guessed(self.strength(password, email, *about)):
            raise PasswordRejected(" ".join(broken))

    def broken(self, password: str, email: str) -> list[str]:
        """The rules about length and composition that the password breaks."""
        typed, least = normalised(password), self.security.password_min_length
        if len(typed) > MAX_LENGTH:
            return [
                ngettext(
                    "Too long: use at most %(num)s character.", "Too long: use at most %(num)s characters.", MAX_LENGTH
                )
            ]
        broken = []
        if len(typed) < least:
            broken.append(
                ngettext(
                    "Too short: use at least %(num)s character.", "Too short: use at least %(num)s characters.", least
                )
            )
        broken += [rule for least, found, rule in self._kinds(typed) if found < least]
        if comparison_key(typed) == comparison_key(email):
            broken.append(_("Don't use your email address as your password."))
        return broken

    def strength(self, password: str, *about: str) -> Strength:
        """How hard it is to guess for somebody who knows this site and these texts."""
        return strength.estimate(normalised(password), words(OURSELVES, self.product_name, *about))

    def guessed(self, found: Strength) -> list[str]:
        """What is wrong with a password of this strength, if common ones are barred."""
        if not self.security.password_reject_common or not found.too_easy:
            return []
        return [_("This password is easy to guess."), *found.in_words()]

    def _kinds(self, password: str) -> Iterator[tuple[int, int, str]]:
        """How many characters of each kind there must be, how many there are, and the rule in words."""
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


def current(session: Session, config: Config) -> PasswordPolicy:
    """The rules of this moment."""
    return PasswordPolicy(security(session), settings.general(session, config).product_name)


def is_expired(user: User, max_age_days: int) -> bool:
    """Return whether the user has to choose a new password; with a maximum age of 0 days, never."""
    chosen_at = user.password_changed_at or user.activated_at or user.created_at
    return max_age_days > 0 and chosen_at + timedelta(days=max_age_days) <= clock.now()


def words(*texts: str) -> list[str]:
    """These texts, their words, alone and run together, and the halves of addresses: those long enough to tell."""
    found: list[str] = []
    for text in texts:
        inside = re.split(r"[\W_]+", text)
        found += [text, *text.split("@"), *inside] if "@" in text else [text, "".join(inside), *inside]
    return [word for word in dict.fromkeys(found) if len(word) >= SHORTEST_WORD][:MOST_WORDS]
