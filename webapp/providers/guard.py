"""Runs the code of plugins, which may raise anything, try to end the process, or never return."""

import contextvars
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import structlog

# A plugin's own work takes milliseconds.
SECONDS = 10.0

Result = TypeVar("Result")
log = structlog.get_logger(__name__)
# The thread in which each plugin hangs, and the places of failures that are logged in full already.
_hanging: dict[str, "_Call[Any]"] = {}
_logged: set[tuple[str, str]] = set()


class PluginFailed(Exception):
    """A plugin raised an exception or didn't return. The text is the exception's type, as its message may be secret."""


class _Call(threading.Thread, Generic[Result]):
    """One call of a plugin's code. The thread is a daemon, so that code that hangs doesn't keep the process running."""

    def __init__(self, function: Callable[[], Result]) -> None:
        super().__init__(name="plugin", daemon=True)
        self._function = function
        self._context = contextvars.copy_context()
        self.result: Result
        self.error: BaseException | None = None

    def run(self) -> None:
        """Call the function, in the context of the thread that started this one."""
        try:
            self.result = self._context.run(self._function)
        except BaseException as error:  # such as SystemExit
            self.error = error

    def stack(self) -> str:
        """Return where it is now."""
        frame = sys._current_frames().get(self.ident or 0)
        return "".join(traceback.format_stack(frame)) if frame else ""


def run(
    plugin: str,
    function: Callable[[], Result],
    seconds: float = SECONDS,
    passing: tuple[type[BaseException], ...] = (),
    redact: Callable[[str], str] = str,
) -> Result:
    """Return what a plugin's function returns. Raises PluginFailed, and whatever it raises of the `passing` types.

    Python can't interrupt code, but it can stop waiting for it. As long as a call hangs, the plugin isn't called
    again, so that it occupies one thread. A failure is logged with its `redact`ed traceback once, then in a line.
    """
    hanging = _hanging.get(plugin)
    if hanging is not None and hanging.is_alive():
        raise _failed(plugin, "an earlier call still hasn't returned", hanging.stack())
    call = _Call(function)
    call.start()
    call.join(seconds)
    if call.is_alive():
        _hanging[plugin] = call
        raise _failed(plugin, f"nothing was returned within {seconds:.0f} s", call.stack())
    if call.error is None:
        return call.result
    if isinstance(call.error, passing):
        raise call.error
    trace = redact("".join(traceback.format_exception(call.error)))
    raise _failed(
        plugin, type(call.error).__name__, trace, traceback.format_tb(call.error.__traceback__)
    ) from call.error


def _failed(plugin: str, reason: str, trace: str, place: list[str] | None = None) -> PluginFailed:
    """Log a failure, in full if it is the first of its kind, and return it."""
    kind = (plugin, reason + "".join(place or ()))
    if kind in _logged:
        log.warning("plugin failed again", plugin=plugin, error=reason)
    else:
        _logged.add(kind)
        log.error("plugin failed", plugin=plugin, error=reason, exception=trace)
    return PluginFailed(reason)
