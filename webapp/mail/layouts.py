"""What the emails of one kind, in one language and with the same settings, have in common: a layout.

It is made from a rendering with placeholders. Then samples are filled in and compared with what the template makes of
them, so that an email filled in is, byte for byte, the one that `compose` would make.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from typing import Any

from flask import current_app
from jinja2 import Environment

from webapp.core import i18n
from webapp.mail.compose import Rendered, render, to_email
from webapp.mail.placeholders import Field, Pattern, Recording, Refused
from webapp.settings.service import General

# The names of two values. No template has a name like the second.
RECIPIENT, LINK_PATH = "recipient", "path of the link"
# Values of other types, such as lists, are left to `compose`.
CONSTANT_TYPES = (bool, int, type(None))
MAX_CONVERTED = 100
_SPECIAL = re.compile("[&<>\"'\xa0]")
# In HTML, what follows it might have become a part of a character reference.
_AMPERSAND = re.compile("&amp;[#a-zA-Z0-9]*$")
_SPECIAL_SAMPLE = 'o\'Neil "x" & <b>y</b> &amp;'
_PLAIN_SAMPLES = ("aZ 09.,;:!?_/|@#$*+~^`(){{ }} %(x)s ßÉЖ字אب🎉 " + "long " * 50 + "n", "x")
_SAMPLE_PATH, _SAMPLE_MOMENT = "/aZ09_-/x", datetime(2001, 2, 3, 4, 5, 6, 789, tzinfo=UTC)

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Layout:
    """Headers and texts with fields in them, in one language.

    A `plain_only` one takes no values that HTML writes in another way.
    """

    fixed_headers: bytes
    text: Pattern
    html: Pattern
    fields: Mapping[int, Field]
    plain_only: bool
    language: str
    _converted: dict[tuple[int, Any], str] = field(default_factory=dict)

    def fill(self, values: Values) -> tuple[str, str]:
        """Return the text and the HTML. Raises Refused for values that don't fit."""
        shown = {
            number: self._convert(number, values) if one.convert else one.show(values)
            for number, one in self.fields.items()
        }
        special = [number for number, value in shown.items() if _SPECIAL.search(value)]
        if not special:
            return self.text.fill(shown), self.html.fill(shown)
        if self.plain_only or any(self.fields[number].source == LINK_PATH for number in special):
            raise Refused("special characters")
        escaped = shown | {number: _escape(shown[number]) for number in special}
        return self.text.fill(shown), self.html.fill(escaped)

    def _convert(self, number: int, values: Values) -> str:
        """Return what a filter makes of a value. Many emails in a row have the same date."""
        key = (number, values[self.fields[number].source])
        shown = self._converted.get(key)
        if shown is None:
            with i18n.use_language(self.language):
                shown = self.fields[number].show(values)
            if len(self._converted) >= MAX_CONVERTED:
                self._converted.clear()
            self._converted[key] = shown
        return shown


def _escape(text: str) -> str:
    """Return a text as it is written between elements."""
    return escape(text, quote=False).replace("\xa0", "&nbsp;")


def shape_of(values: Values) -> tuple[object, ...]:
    """Return which values there are, which all emails of one layout have in common. Raises Refused."""
    shape: list[object] = []
    for name, value in values.items():
        kind = type(value)
        if kind is str:
            shape.append((name, value != ""))
        elif kind is datetime:
            # Equal times may be shown in different ways if their zones differ.
            shape.append((name, kind, value.tzinfo))
        elif kind in CONSTANT_TYPES:
            shape.append((name, kind, value))
        else:
            raise Refused(name)
    return tuple(shape)


class LayoutMaker:
    """Makes layouts for emails with the same settings. Needs an application context."""

    def __init__(self, general: General, mail_from: str, headers: Mapping[str, str]) -> None:
        self._general, self._mail_from, self._headers = general, mail_from, headers
        self._recording = Recording(current_app.jinja_env)

    def make(self, template: str, values: Values) -> Layout:
        """Make the layout for emails with such values, in the current language. Raises Refused if there can be none."""
        marked = _replace(values, lambda name, _value: self._recording.placeholder(Field(name)))
        try:
            rendered = self._render(self._recording.environment, template, marked)
        except Refused:
            raise
        except Exception as error:  # whatever a template does with a placeholder that it can do with the value alone
            raise Refused(template) from error
        for plain_only in (False, True):
            layout = self._layout(rendered, plain_only)
            if all(
                self._is_right(layout, rendered.subject, template, sample) for sample in _samples(values, plain_only)
            ):
                return layout
        raise Refused(template)

    def _layout(self, rendered: Rendered, plain_only: bool) -> Layout:
        text, html = self._recording.pattern(rendered.text), self._recording.pattern(rendered.html)
        if html.follows(_AMPERSAND):
            raise Refused("ampersand")
        email = to_email(rendered, "", self._mail_from, self._general, "")
        fields = {number: self._recording.fields[number] for number in text.fields | html.fields}
        language = i18n.current().code
        return Layout(email.fixed_headers(self._headers), text, html, fields, plain_only, language)

    def _is_right(self, layout: Layout, subject: str, template: str, sample: Values) -> bool:
        """Return whether filling in a sample gives what the template makes of it."""
        rendered = self._render(current_app.jinja_env, template, sample)
        return (subject, *layout.fill(sample)) == (rendered.subject, rendered.text, rendered.html)

    def _render(self, environment: Environment, template: str, values: Values) -> Rendered:
        return render(environment, template, self._general, values[RECIPIENT], values, values[LINK_PATH])


def _samples(values: Values, plain_only: bool) -> Iterator[Values]:
    for text in _PLAIN_SAMPLES if plain_only else (_SPECIAL_SAMPLE, *_PLAIN_SAMPLES):
        sample = _replace(values, lambda _name, value: text if type(value) is str else _SAMPLE_MOMENT)  # noqa: B023
        yield {**sample, LINK_PATH: values[LINK_PATH] and _SAMPLE_PATH}


def _replace(values: Values, new: Callable[[str, Any], Any]) -> dict[str, Any]:
    """Replace the values that differ from email to email."""
    return {
        name: new(name, value) if value and type(value) in (str, datetime) else value for name, value in values.items()
    }
