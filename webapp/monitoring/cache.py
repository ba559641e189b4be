"""What is worked out at most once a minute in each process, however many administrators look at Home."""

import threading
from collections.abc import Callable, Hashable
from datetime import datetime
from typing import Any, TypeVar, cast

from flask import Flask, current_app

EXTENSION = "mailroom.monitoring"
T = TypeVar("T")


class MinuteCache:
    """Keeps results until the minute is over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._minute = 0
        self._found: dict[Hashable, Any] = {}

    def get(self, key: Hashable, now: datetime, make: Callable[[], T]) -> T:
        """Return what `make` returned for this key in this minute. Two threads may both call it."""
        minute = minute_of(now)
        with self._lock:
            if minute != self._minute:
                self._minute, self._found = minute, {}
            kept = self._found
        if key not in kept:
            kept[key] = make()
        return cast(T, kept[key])


def init_app(app: Flask) -> None:
    """Give the application its cache."""
    app.extensions[EXTENSION] = MinuteCache()


def minute_cache() -> MinuteCache:
    """Return the cache of the current application."""
    return cast(MinuteCache, current_app.extensions[EXTENSION])


def minute_of(now: datetime) -> int:
    """Return a number that grows by one each minute."""
    return int(now.timestamp() // 60)
