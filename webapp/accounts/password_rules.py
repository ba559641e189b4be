"""What a new password has to be like: the rules in force, and what is easy to guess for its person.

Unless an administrator adds some, the rules are those of NIST SP 800-63B: a length, nothing about
the composition, and nothing that is likely to be tried.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session

from webapp.accounts import former, passwords, strength
from webapp.accounts.addresses import address_key
from webapp.accounts.models import User
from webapp.config import Config
from webapp.errors import Failure
from webapp.settings import service as settings
from webapp.settings.security import Security, security

LONGEST = 256
# Of what a person or the product is called.
SHORTEST_WORD = 3
MOST_WORDS = 40
SEPARATORS = r"[\W_]+"


class BadPassword(Failure):
    """The password breaks a rule; the text says which, in words."""


class HadBefore(BadPassword):
    """The person had it before."""

    def __init__(self) -> None:
        super().__init__(_("You had this password before. Choose another one."))


@dataclass(frozen=True)
class Rules:
    """The settings in force, the person's address, what else stands for the person, and hashes that are barred."""

    security: Security
    email: str = ""
    names: tuple[str, ...] = ()
    barred: tuple[str, ...] = ()

    def of(self, email: str, name: str) -> "Rules":
        """The same rules for the person with this address and name."""
        return replace(self, email=email, names=(*self.names, name))

    @property
    def words(self) -> list[str]:
        """What somebody who knows the person and the site would try."""
        texts = (self.email, *self.email.split("@"), *self.names)
        parts = [word for text in texts for word in (text, re.sub(SEPARATORS, "", text), *re.split(SEPARATORS, text))]
        return list(dict.fromkeys(word for word in parts if len(word) >= SHORTEST_WORD))[:MOST_WORDS]

    def check(self, password: str) -> None:
        """Whether the person may have this password. Raises BadPassword.

        Takes as long as comparing it with all barred ones does: call it outside of transactions.
        """
        text = passwords.normalised(password)
        if problem := self.problem(text):
            raise BadPassword(problem)
        require_new(password, self.barred)

    def problem(self, text: str) -> str:
        """The first rule that a password breaks, the barred ones aside, in words."""
        if len(text) < self.security.password_length:
            return _("Too short: at least %(least)s characters.", least=self.security.password_length)
        if len(text) > LONGEST:
            return _("Too long: at most %(most)s characters.", most=LONGEST)
        for least, is_one, sentence in self._kinds():
            if sum(map(is_one, text)) < least:
                return sentence
        if address_key(text) == address_key(self.email):
            return _("Choose something other than your e-mail address.")
        if self.security.password_common and (found := strength.estimate(text, self.words)).too_easy:
            return str(found.warning) or _("This is easy to guess. Add a word or two, better uncommon ones.")
        return ""

    def sentences(self) -> list[str]:
        """The rules, for whoever chooses a password."""
        length, former_ones = self.security.password_length, self.security.password_former
        least = _("At least %(least)s characters. A few words in a row are easy to keep in mind.", least=length)
        told = [least, *(sentence for _least, _is_one, sentence in self._kinds())]
        if self.security.password_common:
            told.append(_("Nothing easy to guess, such as a common password, your name or your address."))
        if former_ones:
            told.append(
                ngettext("Not your last password.", "None of your last %(num)s passwords.", former_ones),
            )
        return told

    def _kinds(self) -> list[tuple[int, Callable[[str], bool], str]]:
        """For each kind of character that is asked for: how many, what is one, and the sentence that says so."""
        upper, lower = self.security.password_upper, self.security.password_lower
        digits, special = self.security.password_digits, self.security.password_special
        kinds: list[tuple[int, Callable[[str], bool], str]] = [
            (
                upper,
                str.isupper,
                ngettext("At least %(num)s capital letter.", "At least %(num)s capital letters.", upper),
            ),
            (lower, str.islower, ngettext("At least %(num)s small letter.", "At least %(num)s small letters.", lower)),
            (digits, str.isdecimal, ngettext("At least %(num)s digit.", "At least %(num)s digits.", digits)),
            (
                special,
                _is_special,
                ngettext(
                    "At least %(num)s character that is neither letter nor digit.",
                    "At least %(num)s characters that are neither letters nor digits.",
                    special,
                ),
            ),
        ]
        return [kind for kind in kinds if kind[0]]


def rules(session: Session, config: Config, person: User | None = None) -> Rules:
    """The rules in force, for this person if there is one yet."""
    names = ("Mailroom", settings.general(session, config).product_name)
    in_force = Rules(security(session), names=names)
    return in_force.of(person.email, person.name) if person else in_force


def rules_after(session: Session, config: Config, person: User) -> Rules:
    """The same, and the person's former passwords are barred."""
    return replace(rules(session, config, person), barred=former.barred(session, person))


def require_new(password: str, barred: Iterable[str]) -> None:
    """Whether the password is none of those with these hashes. Raises HadBefore."""
    if any(passwords.fits(password, kept) for kept in barred):
        raise HadBefore


def _is_special(character: str) -> bool:
    return not character.isalnum()
