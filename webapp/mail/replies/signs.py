"""Which causes the things that a reply names together point to, and how strongly."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from webapp.mail.replies.concepts import CONCEPTS, Places, Span
from webapp.providers import Cause

# In characters, between two things that are named together.
NEAR = 45
# From here on, things may be named in two sentences.
FAR = 60
# Pairs of places that are looked at for a third thing.
MAX_SPANS = 100


@dataclass(frozen=True)
class Sign:
    """A cause, the weight of this sign of it, and the concepts that are named near each other.

    It counts at the stages `at`, for replies that start with `digit`, and not if any concept in `unless` is named
    anywhere; what is empty excludes nothing.
    """

    cause: Cause
    weight: float
    concepts: Sequence[str]
    at: Sequence[str] = ()
    unless: Sequence[str] = ()
    digit: str = ""
    near: int = NEAR

    def found(self, places: Places, stage: str, digit: str) -> str:
        """Return the words that are this sign in a reply, or nothing."""
        if (self.at and stage not in self.at) or self.digit not in ("", digit):
            return ""
        span = self._span(places)
        name = "" if span or len(self.concepts) > 1 else places.in_names(self.concepts[0])
        if not (span or name) or any(places.of(one) for one in self.unless):
            return ""
        return places.text[span[0] : span[1]] if span else name

    def _span(self, places: Places) -> Span | None:
        """Return from where to where all concepts are named, each near the others."""
        first, *others = (places.of(concept) for concept in self.concepts)
        spans = list(first)
        for number, found in enumerate(others):
            spans = [
                (min(span[0], one[0]), max(span[1], one[1]))
                for span in spans
                for one in found
                # The third may be between the first two, but no word is two things at once.
                if (number and span[0] <= one[0] and one[1] <= span[1])
                or self._is_near(places.text, min(span[1], one[1]), max(span[0], one[0]))
            ][:MAX_SPANS]
        return min(spans, key=lambda span: span[1] - span[0]) if spans else None

    def _is_near(self, text: str, end: int, start: int) -> bool:
        """Return whether what starts there is near what ends there, and in the same sentence if it has to be close."""
        return 0 <= start - end <= self.near and (self.near >= FAR or ". " not in text[end:start])


def _load() -> list[Sign]:
    """Return the signs of `signs.toml`. Raises KeyError for a concept that there isn't."""
    signs = []
    for cause, rows in tomllib.loads(Path(__file__).with_name("signs.toml").read_text(encoding="utf-8")).items():
        for row in rows:
            words = {name: tuple(row.get(name, "").split()) for name in ("names", "at", "unless")}
            if unknown := {*words["names"], *words["unless"]} - CONCEPTS.keys():
                raise KeyError(unknown)
            near, digit = row.get("near", NEAR), row.get("digit", "")
            signs.append(Sign(Cause(cause), row["weight"], words["names"], words["at"], words["unless"], digit, near))
    return signs


SIGNS: Sequence[Sign] = _load()
