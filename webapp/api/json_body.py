"""Read JSON strictly: what programs that read it differently could be deceived with is refused."""

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn
from urllib.parse import quote

from webapp.api import problems
from webapp.web.problems import FieldError, Problem

# What stands for itself in the fragment of a URI, besides letters and digits (RFC 3986, 3.5).
IN_FRAGMENTS = "-._~!$&'()*+,;=:@/?"
# What neither a database nor an email can hold: NUL, and halves of a surrogate pair.
_UNUSABLE = re.compile("[\0\ud800-\udfff]")


def read(body: bytes) -> Any:
    """Return what the JSON says. Raises Problem: 400 if it can't be read, 422 for text that can't be used."""
    try:
        found = json.loads(body.decode(), object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise _unreadable(f"it is not valid UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise _unreadable(
            f"{error.msg[:1].lower()}{error.msg[1:]}: line {error.lineno}, column {error.colno}"
        ) from None
    except RecursionError:
        raise _unreadable("it is nested too deeply") from None
    except ValueError:
        # From Python itself only for integers of thousands of digits.
        raise _unreadable("a number is too long") from None
    # Only an escape can stand for one of them.
    if b"\\u" in body and (unusable := list(_unusable(found, ""))):
        detail = "This contains a character that can't be used: NUL, or half of a surrogate pair."
        raise problems.invalid([FieldError(detail, pointer=one) for one in unusable])
    return found


def pointer(*path: object) -> str:
    """Return the JSON pointer to a value, as a URI fragment (RFC 6901, 3 and 6)."""
    return "#" + "".join("/" + quote(str(step).replace("~", "~0").replace("/", "~1"), IN_FRAGMENTS) for step in path)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _unreadable("an object has two members with the same name")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise _unreadable(f"{name} is not JSON")


def _unreadable(why: str) -> Problem:
    return Problem(400, f"The body is not usable as JSON: {why}.")


def _unusable(value: Any, path: str) -> Iterator[str]:
    """Yield the pointers to all unusable texts, and to objects with unusable names."""
    if isinstance(value, str):
        if _UNUSABLE.search(value):
            yield path or "#"
    elif isinstance(value, dict):
        for name, inner in value.items():
            if _UNUSABLE.search(name):
                yield path or "#"
            else:
                yield from _unusable(inner, (path or "#") + pointer(name)[1:])
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _unusable(inner, f"{path or '#'}/{index}")
