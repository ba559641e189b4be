"""What would make a password better, while it is typed."""

from dataclasses import dataclass

from flask_babel import gettext as _

from webapp.accounts.passwords.policy import PasswordPolicy

# More than a hundred million guesses.
HARD = 3


@dataclass(frozen=True)
class Feedback:
    """Whole sentences, and whether nothing is left to do."""

    text: str
    good: bool = False


def advice(rules: PasswordPolicy, password: str, email: str, name: str) -> Feedback:
    """What to tell the person with this address and name about this password."""
    found = rules.strength(password, email, name)
    if broken := rules.broken(password, email) or rules.guessed(found):
        return Feedback(" ".join(broken))
    if found.score < HARD:
        return Feedback(" ".join([_("This password is acceptable, but not hard to guess."), *found.in_words()]))
    return Feedback(_("This password is hard to guess."), good=True)
