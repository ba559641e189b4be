"""Texts that people paste: what comes along at their ends, and signs that nobody sees."""

import unicodedata

# Unicode's general categories of control characters, line ends, surrogates, and of what reverses or hides the text
# beside it, so that one name looks like another. Passwords contain none of these either (RFC 8264, 9.13).
REJECTED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Some scripts and emoji need these joiners.
JOINERS = "\u200c\u200d"
# Blank, although letters or symbols by their category.
FILLERS = "\u115f\u1160\u2800\u3164\uffa0"
# More than any number that people enter has.
MAX_DIGITS = 9
# What `unicodedata` has no name for.
_NAMES = {"\n": "line break", "\r": "line break", "\t": "tab", "\ufeff": "byte order mark"}


def is_blank(character: str) -> bool:
    """Return whether a character is white space, or nothing that anybody sees."""
    return character.isspace() or character in FILLERS or unicodedata.category(character) == "Cf"


def trimmed(text: str) -> str:
    """Return a text without the blanks at its ends, which come along when it is copied from a page."""
    start, end = 0, len(text)
    while start < end and is_blank(text[start]):
        start += 1
    while end > start and is_blank(text[end - 1]):
        end -= 1
    return text[start:end]


def without_blanks(text: str) -> str:
    """Return a text without any blanks."""
    return "".join(character for character in text if not is_blank(character))


def read_whole_number(text: str) -> int | None:
    """Return the number that a text of at most nine digits is, of any script; None for any other text."""
    return int(text) if text.isdecimal() and len(text) <= MAX_DIGITS else None


def hidden_character(text: str, allowed: str = JOINERS, spaces: bool = True) -> str:
    """Return what identifies the first character of a text that nobody sees: `U+200B ZERO WIDTH SPACE`.

    It is empty if there is none. Without `spaces`, any blank but an ordinary space counts.
    """
    for character in text:
        hidden = unicodedata.category(character) in REJECTED_CATEGORIES or character in FILLERS
        special = not spaces and character.isspace() and character != " "
        if (hidden or special) and character not in allowed:
            name = _NAMES.get(character) or unicodedata.name(character, "")
            return f"U+{ord(character):04X} {name}".strip()
    return ""
