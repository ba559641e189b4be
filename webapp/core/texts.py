"""Texts that are translated when they are shown, not when they are said."""

import re
from collections.abc import Callable
from typing import cast

import flask_babel

# Typed as the `str` that it becomes.
lazy_gettext = cast(Callable[..., str], flask_babel.lazy_gettext)

_sayings: dict[str, re.Pattern[str]] = {}


def saying(text: str) -> str:
    """Mark a sentence about a failure that is kept in English, its `%(name)s` filled in with `%`.

    Logs, rows of the outbox and the rules that recognise failures hold it as it is; a page shows
    it through `in_words`. Call it when the module is imported.
    """
    literal = re.escape(text)
    _sayings[text] = re.compile(re.sub(r"%\\\((\w+)\\\)s", r"(?P<\1>.*)", literal), re.DOTALL)
    return text


def in_words(kept: str) -> str:
    """What was kept of a failure: our own sentences in the present language, all else as it is."""
    for text, pattern in _sayings.items():
        if found := pattern.fullmatch(kept):
            return str(flask_babel.gettext(text, **found.groupdict()))
    return kept
