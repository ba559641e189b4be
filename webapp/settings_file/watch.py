"""Take up changes of the settings file, and of the files with its secrets, while Mailroom runs."""

import math
import os
import time
from collections.abc import Sequence
from pathlib import Path

import structlog
from flask import Flask

from webapp.core.app_state import AppState, app_state_of
from webapp.settings_file import document, service
from webapp.settings_file.document import InvalidSettingsFile

# Seconds between two looks.
EVERY = 2.0
# Seconds until what failed is tried again without a change: the database may be back, or a setting on a page may fit.
RETRY = 30.0
# What tells that a file has changed; None if it can't be looked at.
Stamp = tuple[int, int, int] | None

log = structlog.get_logger(__name__)


def start(state: AppState) -> None:
    """Apply the settings file before the processes start; without one, unlock what an earlier one has locked.

    Raises InvalidSettingsFile.
    """
    if state.config.settings:
        service.apply_document(state, document.read(Path(state.config.settings)))
    else:
        service.forget(state)


class Watch:
    """Applies the settings file when it has changed. A broken one changes nothing, and is logged and shown."""

    def __init__(self, app: Flask) -> None:
        self._app, self._path = app, Path(app_state_of(app).config.settings)
        self._files: Sequence[Path] = []
        self._seen: Sequence[Stamp] = []
        self._retry_at, self._reported = 0.0, ""

    def __call__(self) -> float:
        """Look once; return the seconds until the next look."""
        if [_stamp(path) for path in self._files] != self._seen or time.monotonic() >= self._retry_at:
            with self._app.app_context():
                self._apply(app_state_of(self._app))
        return EVERY

    def _apply(self, state: AppState) -> None:
        # Before each file is read, so that no change in between is missed.
        self._files, self._seen = [self._path], [_stamp(self._path)]
        self._retry_at = time.monotonic() + RETRY
        try:
            found = document.read(self._path)
            self._files = found.files()
            self._seen = [*self._seen, *map(_stamp, self._files[1:])]
            service.apply_document(state, found)
        except InvalidSettingsFile as error:
            self._report(state, error)
        else:
            log.info("settings file applied")
            self._retry_at, self._reported = math.inf, ""

    def _report(self, state: AppState, error: InvalidSettingsFile) -> None:
        text = "\n".join(map(str, error.problems))
        if text != self._reported:
            service.record_problems(state, error)
            log.error("settings file has errors; what it set before stays", errors=text.split("\n"))
            self._reported = text


def _stamp(path: Path) -> Stamp:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
