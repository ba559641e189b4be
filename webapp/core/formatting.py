"""Format times, durations and lists for the current language."""

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal

from babel import lists
from babel.dates import format_date, format_time, format_timedelta, get_datetime_format
from babel.units import format_unit
from flask_babel import get_locale

from webapp.core.i18n import DEFAULT_LOCALE, current

Length = Literal["medium", "long"]
UNITS: tuple[tuple[int, Literal["day", "hour", "minute"]], ...] = ((24 * 60, "day"), (60, "hour"), (1, "minute"))


def format_datetime(value: datetime, length: Length = "medium", seconds: bool = False) -> str:
    """Format date and time in UTC, to the minute unless `seconds` is set. A `long` one has the month spelled out."""
    shown = value.astimezone(UTC) if value.tzinfo else value
    shown = shown.replace(microsecond=0) if seconds else shown.replace(second=0, microsecond=0)
    return _format_datetime(shown, length, seconds, current().locale)


@lru_cache(maxsize=1000)
def _format_datetime(value: datetime, length: Length, seconds: bool, locale: str) -> str:
    day = format_date(value, length, locale)
    time = format_time(value, "medium" if seconds else "short", locale=locale)
    return str(get_datetime_format("medium", locale)).replace("{0}", time).replace("{1}", day)


def format_seconds(value: float) -> str:
    """Format seconds, such as `0.53 seconds`."""
    return format_unit(value, "duration-second", format="0.00", locale=get_locale() or DEFAULT_LOCALE)


def format_milliseconds(value: float) -> str:
    """Format a number of seconds in milliseconds, such as `530 ms`."""
    return format_unit(round(value * 1000), "duration-millisecond", "short", locale=get_locale() or DEFAULT_LOCALE)


def format_minutes(value: int) -> str:
    """Format minutes in the largest unit without a fraction, such as `90 minutes`, `2 hours` or `7 days`."""
    unit = next(unit for size, unit in UNITS if value % size == 0)
    # `format_unit` has no long form of an Arabic day. The threshold keeps Babel from choosing a larger unit.
    return format_timedelta(timedelta(minutes=value), unit, threshold=math.inf, locale=get_locale() or DEFAULT_LOCALE)


def format_size(octets: int) -> str:
    """Format a number of bytes, such as `0.1 kB`, `64 kB` or `3.5 MB`."""
    size, unit = (1_000_000, "digital-megabyte") if octets >= 1_000_000 else (1000, "digital-kilobyte")
    shown = max(octets / size, 0.1) if octets else 0
    return format_unit(shown, unit, "short", format="0.#", locale=get_locale() or DEFAULT_LOCALE)


def format_list(texts: Iterable[str]) -> str:
    """Join texts, such as `Security: TLS and Port: 465`."""
    return lists.format_list(list(texts), locale=get_locale() or DEFAULT_LOCALE)


FILTERS = {
    "moment": format_datetime,
    "minutes": format_minutes,
    "seconds": format_seconds,
    "milliseconds": format_milliseconds,
    "filesize": format_size,
}
