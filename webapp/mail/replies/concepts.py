"""Where a reply names which thing, by the words of `lexicon.toml` and, of other languages, of `languages.toml`."""

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache
from itertools import islice
from pathlib import Path


def _without_accent(letter: str) -> str:
    """Return a Latin letter without its accent, as servers often write it, too."""
    base = unicodedata.normalize("NFD", letter)[0]
    return base if base.isascii() else letter


_PLAIN = str.maketrans(
    {chr(one): _without_accent(chr(one)) for one in range(0xC0, 0x250)} | {"ł": "l", "ø": "o", "ı": "i"}
)
# Where a word begins and ends. Chinese, Japanese, and Thai have no spaces, and Korean adds endings to its words.
_LETTER = r"[^\W\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"


def plain(text: str) -> str:
    """Return a text with Latin letters only without accents; each letter keeps its place."""
    return text.translate(_PLAIN)


def _words(name: str) -> dict[str, list[str]]:
    return tomllib.loads(plain(Path(__file__).with_name(name).read_text(encoding="utf-8")))


_ENGLISH, _OTHERS = _words("lexicon.toml"), _words("languages.toml")
CONCEPTS: Mapping[str, str] = {
    name: rf"(?<!{_LETTER})(?:{'|'.join([*words, *_OTHERS.get(name, ())])})(?!{_LETTER})"
    for name, words in _ENGLISH.items()
}
# The only concepts that host names and the words of URLs can name.
IN_NAMES = frozenset({"blocklist", "greylist", "bare"})
MAX_PLACES = 20


@cache
def _pattern(concept: str) -> re.Pattern[str]:
    """Compile the words for a concept, once. All of them take 0.3 s, which no process needs for its start."""
    return re.compile(CONCEPTS[concept])


def names(concept: str, text: str) -> bool:
    """Return whether a text, as `parsing` returns it, names a concept."""
    return _pattern(concept).search(plain(text)) is not None


Span = tuple[int, int]


class Places:
    """Where each concept is named in a text; each is looked for once, when it is asked for first."""

    def __init__(self, text: str, names: str) -> None:
        self.text = text
        self._plain = plain(text)
        self._names = names
        self._found: dict[str, list[Span]] = {}

    def of(self, concept: str) -> list[Span]:
        """Return where the words for a concept are in the text, at most the first 20 places."""
        if concept not in self._found:
            matches = islice(_pattern(concept).finditer(self._plain), MAX_PLACES)
            self._found[concept] = [match.span() for match in matches]
        return self._found[concept]

    def in_names(self, concept: str) -> str:
        """Return the word of a URL or host name that names a concept, if it is one that they can name."""
        found = _pattern(concept).search(self._names) if concept in IN_NAMES else None
        return found[0] if found else ""
