"""Blotting secrets out of what others say, however they repeat them."""

import base64
import html
import re
import string
from collections.abc import Callable, Iterable, Iterator

REDACTED = "••••••"
# Shorter secrets would blot out half of every line.
MIN_SECRET_LENGTH = 3
# The end of a reply's line with the next one's code, octets as URLs, mails and programs write them, letters as JSON
# and pages do, or one letter.
_PIECE = re.compile(r"\n\d{3}[ -]|(?:(?:[%=]|\\x)[0-9a-f]{2})+|\\u[0-9a-f]{4}|\\(?=\")|&#?\w{1,8};|.", re.I | re.S)
_BASE64_SIGNS = string.ascii_letters + string.digits + "+/-_="
_URL_SAFE = str.maketrans("-_", "+/")


class Redactor:
    """Finds secrets as they are, in other letter case, escaped, in hex, in base64, and over the end of a line."""

    def __init__(self, secrets: Iterable[str]) -> None:
        words = sorted((one for one in secrets if len(one) >= MIN_SECRET_LENGTH), key=len, reverse=True)
        # Made once: an access token is long, and every line of a conversation is looked through.
        self._needles = [(one, [_needle(one), one.encode().hex()], list(_in_base64(one.encode()))) for one in words]

    def __call__(self, text: str) -> str:
        """The text without any of the secrets."""
        for word, folded, in_base64 in self._needles:
            text = text.replace(word, REDACTED)
            text = _without(text, _folded, folded)
            text = _without(text, _base64, in_base64, around=_BASE64_SIGNS)
        return text


def _without(text: str, kept: Callable[[str], str], needles: Iterable[str], around: str = "") -> str:
    """The text without what reads as one of the needles, looking only at what `kept` keeps of each letter.

    What is written with the signs `around` goes along on both sides.
    """
    letters = [(one, start, end) for letter, start, end in _letters(text) for one in kept(letter)]
    hay = "".join(one for one, _start, _end in letters)
    spans = [
        (letters[start][1], letters[start + len(needle) - 1][2])
        for needle in needles
        if len(needle) >= MIN_SECRET_LENGTH
        for start in _places(needle, hay)
    ]
    for start, end in sorted(spans, reverse=True):
        text = text[:start].rstrip(around) + REDACTED + text[end:].lstrip(around)
    return text


def _places(needle: str, hay: str) -> Iterator[int]:
    """Where it stands, one after the other."""
    start = hay.find(needle)
    while start >= 0:
        yield start
        start = hay.find(needle, start + len(needle))


def _letters(text: str) -> Iterator[tuple[str, int, int]]:
    """The letters of a text, gaps left out, and from where to where each is written."""
    for match in _PIECE.finditer(text):
        for letter in _meant(match[0]):
            if not letter.isspace() and letter != "\ufffd":
                yield letter, match.start(), match.end()


def _meant(piece: str) -> str:
    if len(piece) == 1:
        return "" if piece == "\\" else piece
    if piece[0] == "\n":
        return ""
    if piece[0] == "&":
        return html.unescape(piece)
    if piece[:2].lower() == "\\u":
        return chr(int(piece[2:], 16))
    return bytes.fromhex(re.sub(r"[%=]|\\x", "", piece, flags=re.I)).decode(errors="replace")


def _folded(letter: str) -> str:
    # A plus sign may be a space in a URL.
    return "" if letter == "+" else letter.casefold()


def _base64(letter: str) -> str:
    return letter.translate(_URL_SAFE)


def _needle(word: str) -> str:
    return "".join(_folded(letter) for letter in word if not letter.isspace())


def _in_base64(word: bytes) -> Iterator[str]:
    """What comes from `word` alone in the base64 of whatever holds it: one for each place in a group of three."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + word).decode()
        yield encoded[-(-before * 8 // 6) : (before + len(word)) * 8 // 6]
