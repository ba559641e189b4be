"""Render a template once for many values: placeholders stand for them, and show where each of them goes.

A template needs no rules for this. Whatever it does with a value other than insert it, test whether it is there, or
pass it through one filter, is refused, and the template is then rendered for each email.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, NoReturn

from jinja2 import Environment

from webapp.core.errors import MailroomError

# For private use: `single_line` removes them from every value.
START, END = "\ue000", "\ue001"
_TOKEN = re.compile(f"{START}([0-9]+){END}")
# Filters that insert a value into markup and nothing else.
_INSERTING = frozenset({"bdi", "strong"})
_REFUSED_OPERATORS = ("mod", "mul", "rmul", "eq", "ne", "lt", "le", "gt", "ge", "contains", "getitem", "iter", "len")
# What isn't isolated in right-to-left texts.
_URL_STARTS = ("https://", "http://")


class Refused(MailroomError):
    """A template can't be rendered with placeholders, or a value can't be filled in."""


@dataclass(frozen=True)
class Field:
    """What is filled in: the value with the name `source`, after `convert` if there is one."""

    source: str
    convert: Callable[..., Any] | None = None
    arguments: tuple[Any, ...] = ()
    keywords: tuple[tuple[str, Any], ...] = ()

    def show(self, values: Mapping[str, Any]) -> str:
        """Return the text to fill in. Raises Refused for one that a template may treat differently."""
        shown = values[self.source]
        if self.convert is not None:
            shown = self.convert(shown, *self.arguments, **dict(self.keywords))
        if type(shown) is not str or not shown or shown[0].isspace() or shown[-1].isspace():
            raise Refused(self.source)
        if shown.startswith(_URL_STARTS) or not (shown.isprintable() or all(map(_is_safe, shown))):
            raise Refused(self.source)
        return shown


class Placeholder(str):
    """Stands for a value in a template. It can be inserted, and it is true; anything else raises Refused."""

    def __bool__(self) -> bool:
        return True

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("__"):
            return super().__getattribute__(name)
        raise Refused(name)


def _refuse(*_arguments: object) -> NoReturn:
    raise Refused("operator")


for _operator in (*_REFUSED_OPERATORS, "hash"):
    setattr(Placeholder, f"__{_operator}__", _refuse)


class Pattern:
    """A text with fields in it."""

    def __init__(self, pieces: Sequence[str]) -> None:
        """Take constant texts and numbers of fields in turns."""
        self._pieces = list(pieces)
        self._slots = [(place, int(pieces[place])) for place in range(1, len(pieces), 2)]

    @property
    def fields(self) -> set[int]:
        """The numbers of its fields."""
        return {number for _place, number in self._slots}

    def follows(self, end: re.Pattern[str]) -> bool:
        """Return whether a field stands directly after a text that ends like this."""
        return any(end.search(self._pieces[place - 1]) for place, _number in self._slots)

    def fill(self, shown: Mapping[int, str]) -> str:
        """Return the text with these fields filled in."""
        pieces = self._pieces.copy()
        for place, number in self._slots:
            pieces[place] = shown[number]
        return "".join(pieces)


class Recording:
    """A Jinja environment whose filters take placeholders, and the fields that its templates use."""

    def __init__(self, original: Environment) -> None:
        self.fields: list[Field] = []
        self.environment = original.overlay()
        self.environment.filters = {name: self._filter(name, call) for name, call in original.filters.items()}
        tests: dict[str, Any] = original.tests
        self.environment.tests = {name: _unmarked_only(test) for name, test in tests.items()}

    def placeholder(self, field: Field) -> Placeholder:
        """Return what stands for a field."""
        if field not in self.fields:
            self.fields.append(field)
        return Placeholder(f"{START}{self.fields.index(field)}{END}")

    def pattern(self, text: str) -> Pattern:
        """Find the placeholders in a text."""
        return Pattern(_TOKEN.split(text))

    def _filter(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        if name in _INSERTING:
            return call

        @wraps(call)
        def recorded(*arguments: Any, **keywords: Any) -> Any:
            value, *others = arguments
            if not _is_marked(*arguments, *keywords.values()):
                return call(*arguments, **keywords)
            # Filters that Jinja gives its own context have it as the first argument.
            if type(value) is not Placeholder or _is_marked(*others, *keywords.values()):
                raise Refused(name)
            source = self.fields[int(str(value)[1:-1])]
            if source.convert is not None:
                raise Refused(name)
            return self.placeholder(Field(source.source, call, tuple(others), tuple(keywords.items())))

        return recorded


def _unmarked_only(call: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(call)
    def checked(*arguments: Any) -> Any:
        if _is_marked(*arguments):
            raise Refused("test")
        return call(*arguments)

    return checked


def _is_safe(character: str) -> bool:
    # Spaces of special widths, and marks of direction, which names and dates of some languages have.
    return character.isprintable() or unicodedata.category(character) in ("Zs", "Cf")


def _is_marked(*values: Any) -> bool:
    return any(isinstance(value, str) and START in str(value) for value in values)
