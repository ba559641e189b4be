"""Where a reply names which thing, by the words of `lexicon.toml`."""

import re
import tomllib
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

_LEXICON = tomllib.loads(Path(__file__).with_name("lexicon.toml").read_text(encoding="utf-8"))
CONCEPTS: Mapping[str, re.Pattern[str]] = {
    name: re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)") for name, words in _LEXICON.items()
}
# The only concepts that host names and the words of URLs can name.
IN_NAMES = frozenset({"blocklist", "greylist", "bare"})
MAX_PLACES = 20


def names(concept: str, text: str) -> bool:
    """Return whether a text, as `parsing` returns it, names a concept."""
    return CONCEPTS[concept].search(text) is not None


Span = tuple[int, int]


class Places:
    """Where each concept is named in a text; each is looked for once, when it is asked for first."""

    def __init__(self, text: str, names: str) -> None:
        self.text = text
        self._names = names
        self._found: dict[str, list[Span]] = {}

    def of(self, concept: str) -> list[Span]:
        """Return where the words for a concept are in the text, at most the first 20 places."""
        if concept not in self._found:
            matches = islice(CONCEPTS[concept].finditer(self.text), MAX_PLACES)
            self._found[concept] = [match.span() for match in matches]
        return self._found[concept]

    def in_names(self, concept: str) -> str:
        """Return the word of a URL or host name that names a concept, if it is one that they can name."""
        found = CONCEPTS[concept].search(self._names) if concept in IN_NAMES else None
        return found[0] if found else ""
