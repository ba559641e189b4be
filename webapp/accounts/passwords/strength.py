"""Estimates how hard a password is to guess, with zxcvbn (https://github.com/dropbox/zxcvbn, USENIX Security 2016).

It works offline: against the 30,000 most frequently leaked passwords, words and names, keyboard patterns, repetitions,
sequences, dates, and words that are connected with the user.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from zxcvbn.feedback import get_feedback
from zxcvbn.matching import (
    L33T_TABLE,
    RANKED_DICTIONARIES,
    build_ranked_dict,
    date_match,
    dictionary_match,
    enumerate_l33t_subs,
    omnimatch,
    regex_match,
    relevant_l33t_subtable,
    reverse_dictionary_match,
    sequence_match,
    spatial_match,
)
from zxcvbn.scoring import most_guessable_match_sequence
from zxcvbn.time_estimates import guesses_to_score

from webapp.core.i18n import lazy_gettext as _

# The time grows faster than the square of the length, and this much of a password says enough about it.
MAX_ESTIMATED_LENGTH = 40
# Each way to read “4”, “@” and the like as letters takes another search of all dictionaries; a text that can be
# read in more ways than these is no disguised word.
MAX_READINGS = 16
# Scores below this take fewer than a million guesses.
GUESSABLE_BELOW = 2
# Scores from this on take more than a hundred million guesses.
STRONG_FROM = 3
PERSONAL = _("Names and addresses related to you or this site are easy to guess.")
# By zxcvbn's own text.
WARNINGS = {
    "This is a top-10 common password.": _("This is one of the ten most common passwords."),
    "This is a top-100 common password.": _("This is one of the hundred most common passwords."),
    "This is a very common password.": _("This is a very common password that has leaked before."),
    "This is similar to a commonly used password.": _("This is similar to a very common password."),
    "A word by itself is easy to guess.": _("A single word is easy to guess."),
    "Names and surnames by themselves are easy to guess.": _("A single name is easy to guess."),
    "Common names and surnames are easy to guess.": _("Common names are easy to guess."),
    "Straight rows of keys are easy to guess.": _("Straight rows of keys are easy to guess."),
    "Short keyboard patterns are easy to guess.": _("Short keyboard patterns are easy to guess."),
    'Repeats like "aaa" are easy to guess.': _("Repeated characters such as “aaa” are easy to guess."),
    'Repeats like "abcabcabc" are only slightly harder to guess than "abc".': _(
        "Repetitions such as “abcabcabc” are only slightly harder to guess than “abc”."
    ),
    'Sequences like "abc" or "6543" are easy to guess.': _("Sequences such as “abc” or “6543” are easy to guess."),
    "Recent years are easy to guess.": _("Recent years are easy to guess."),
    "Dates are often easy to guess.": _("Dates are often easy to guess."),
}
SUGGESTIONS = {
    "Use a few words, avoid common phrases.": _("Use a few words that don't usually go together."),
    "No need for symbols, digits, or uppercase letters.": _("You don't need symbols, digits or uppercase letters."),
    "Add another word or two. Uncommon words are better.": _("Add another word or two. Uncommon words are better."),
    "Use a longer keyboard pattern with more turns.": _("Use a longer keyboard pattern with more turns."),
    "Avoid repeated words and characters.": _("Avoid repeated words and characters."),
    "Avoid sequences.": _("Avoid sequences."),
    "Avoid recent years.": _("Avoid recent years."),
    "Avoid years that are associated with you.": _("Avoid years that are associated with you."),
    "Avoid dates and years that are associated with you.": _("Avoid dates and years that are associated with you."),
    "Capitalization doesn't help very much.": _("Starting with an uppercase letter doesn't help much."),
    "All-uppercase is almost as easy to guess as all-lowercase.": _("Using only uppercase letters doesn't help much."),
    "Reversed words aren't much harder to guess.": _("Reversed words aren't much harder to guess."),
    "Predictable substitutions like '@' instead of 'a' don't help very much.": _(
        "Predictable substitutions, such as “@” for “a”, don't help much."
    ),
}


@dataclass(frozen=True)
class Strength:
    """The estimate: a score from 0 (guessed at once) to 4, what makes it easy to guess, and what would help."""

    score: int
    warning: str = ""
    suggestions: tuple[str, ...] = ()

    @property
    def is_guessable(self) -> bool:
        """Whether an attacker who tries the likeliest passwords first would soon find it."""
        return self.score < GUESSABLE_BELOW

    @property
    def is_strong(self) -> bool:
        """Whether it is hard to guess."""
        return self.score >= STRONG_FROM

    def explain(self) -> list[str]:
        """Return what makes it easy to guess, or else what would help most, as a list of at most one sentence."""
        return [str(text) for text in (self.warning, *self.suggestions) if text][:1]


@dataclass(frozen=True)
class Feedback:
    """Advice on a password as whole sentences, and whether it is good as it is."""

    text: str
    good: bool = False


def estimate(password: str, words: Iterable[str] = ()) -> Strength:
    """Estimate how hard the password is to guess for somebody who knows these words. Takes milliseconds."""
    start = password[:MAX_ESTIMATED_LENGTH]
    if not start:
        return Strength(0)
    # zxcvbn.zxcvbn() would keep the words in a global, where other threads' passwords are compared with them.
    known = {**RANKED_DICTIONARIES, "user_inputs": build_ranked_dict(word.lower() for word in words)}
    found: Any = most_guessable_match_sequence(start, _matches(start, known))
    guessed = guesses_to_score(found["guesses"])
    # zxcvbn overrates some of the most frequently leaked passwords as long sequences.
    score = (
        min(int(guessed), GUESSABLE_BELOW - 1) if password.lower() in RANKED_DICTIONARIES["passwords"] else int(guessed)
    )
    said = get_feedback(guessed, found["sequence"])
    personal = score <= GUESSABLE_BELOW and _longest(found).get("dictionary_name") == "user_inputs"
    return Strength(
        score,
        PERSONAL if personal else WARNINGS.get(said["warning"], ""),
        tuple(SUGGESTIONS[text] for text in said["suggestions"]),
    )


def _longest(found: Any) -> Any:
    return max(found["sequence"], key=lambda match: len(match["token"]))


def _matches(password: str, known: dict[str, dict[str, int]]) -> Any:
    """Find everything in the password that is easy to guess."""
    if len(enumerate_l33t_subs(relevant_l33t_subtable(password, L33T_TABLE))) <= MAX_READINGS:
        return omnimatch(password, known)
    # Also without the matcher of repetitions, which runs all matchers again on what is repeated.
    matchers = (dictionary_match, reverse_dictionary_match, spatial_match, sequence_match, regex_match, date_match)
    found = [match for matcher in matchers for match in matcher(password, _ranked_dictionaries=known)]
    return sorted(found, key=lambda match: (match["i"], match["j"]))
