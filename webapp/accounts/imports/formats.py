"""What a CSV file is written in: its encoding, its separator, whether it has a header line. Each is guessed."""

import codecs
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain

from flask_babel import lazy_gettext as _

# How encodings are called on the page. UTF-8 and UTF-16 may begin with a byte order mark.
ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16 BE",
    "cp1252": _("Windows-1252 (Western Europe)"),
    "cp1250": _("Windows-1250 (Central Europe)"),
    "cp1251": _("Windows-1251 (Cyrillic)"),
    "cp1253": _("Windows-1253 (Greek)"),
    "cp1254": _("Windows-1254 (Turkish)"),
    "cp1255": _("Windows-1255 (Hebrew)"),
    "cp1256": _("Windows-1256 (Arabic)"),
}
# What spreadsheets on Windows write where the language is one of these; nothing in the file tells them apart.
WINDOWS_ENCODINGS = {"uk": "cp1251", "ar": "cp1256"}
# In the order in which they are preferred: commas also stand within names.
SEPARATORS = {"semicolon": ";", "tab": "\t", "pipe": "|", "comma": ","}
SEPARATOR_LABELS = {
    "semicolon": _("Semicolon (;)"),
    "tab": _("Tab"),
    "pipe": _("Vertical bar (|)"),
    "comma": _("Comma (,)"),
}
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
# The first line that Excel writes and reads to name the separator.
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?')
_ADDRESS = re.compile(r"""\s*["']?[^@\s,;|<>]+@[^@\s,;|<>]+\s*""")
# In characters. The longest names and addresses are a hundredth of it; what is longer is cut, and not imported.
MAX_LINE_LENGTH = 20_000


def guess_encoding(parts: Iterable[bytes], language: str) -> str:
    """Guess the encoding of a file; it must be read to its end to know that it is UTF-8.

    Otherwise it is the encoding that Windows uses where people read `language`.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    windows = WINDOWS_ENCODINGS.get(language, "cp1252")
    try:
        for number, part in enumerate(parts):
            if number == 0 and (known := _by_its_beginning(part)):
                return known
            decoder.decode(part)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return windows
    return "utf-8"


def read_lines(parts: Iterable[bytes], encoding: str) -> Iterator[str]:
    """Yield the lines of a file without their ends, which may be those of any system.

    Bytes that can't be decoded become U+FFFD. Of a line that is too long, the rest is left out.
    """
    bytes_decoder = codecs.getincrementaldecoder(encoding)("replace")
    decoder = io.IncrementalNewlineDecoder(bytes_decoder, translate=True)
    rest, is_first = "", True
    for part, final in chain(((part, False) for part in parts), ((b"", True),)):
        *whole, rest = (rest + decoder.decode(part, final)).split("\n")
        for line in whole:
            yield line.removeprefix("\ufeff") if is_first else line
            is_first = False
        rest = rest[: MAX_LINE_LENGTH + 1]
    if rest:
        yield rest.removeprefix("\ufeff") if is_first else rest


def guess_separator(lines: list[str]) -> str:
    """Return the name of the separator: it leaves addresses alone in their cells, and lines have as many as others."""
    if lines and (named := SEPARATOR_LINE.fullmatch(lines[0])):
        return {character: name for name, character in SEPARATORS.items()}.get(named[1], "comma")
    scores = {name: _score(lines, character) for name, character in SEPARATORS.items()}
    best = max(scores, key=lambda name: scores[name])
    return best if scores[best] > (0, 0, 0) else "comma"


def _score(lines: list[str], separator: str) -> tuple[int, int, int]:
    """Return how many lines have a cell with an address, how many have the same number of cells, and that number."""
    split = [line.split(separator) for line in lines if separator in line]
    if not split:
        return 0, 0, 0
    addresses = sum(any(_ADDRESS.fullmatch(cell) for cell in cells) for cells in split)
    cells, number = Counter(map(len, split)).most_common(1)[0]
    return addresses, number, cells


def _by_its_beginning(part: bytes) -> str:
    """Name the encoding of a file with a byte order mark, or of UTF-16 without one: every other byte is a zero."""
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if part.startswith(mark):
            return encoding
    sample = part[:1000]
    if sample[1::2].count(0) * 2 > len(sample[1::2]) and not sample[::2].count(0):
        return "utf-16-le"
    if sample[::2].count(0) * 2 > len(sample[::2]) and not sample[1::2].count(0):
        return "utf-16-be"
    return ""
