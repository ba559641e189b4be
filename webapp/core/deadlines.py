"""When work that waits for other machines has to be over: at a time, or as soon as a person stops it."""

import math
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from contextvars import copy_context
from copy import copy
from typing import TypeVar
from weakref import WeakSet

from webapp.core.network_errors import NetworkError

# In seconds: how often a wait looks whether it was stopped.
POLL = 0.1

Result = TypeVar("Result")


class Stopped(NetworkError):
    """A person stopped the work."""

    def __init__(self) -> None:
        super().__init__("stopped")


class Deadline:
    """The end of some work, `seconds` from now; without them, it only ends when it is stopped.

    Several threads may use it. Sockets that it watches are shut down when it is stopped, so that nobody waits on them.
    """

    def __init__(self, seconds: float = math.inf) -> None:
        self._end = time.monotonic() + seconds
        self._stopped = threading.Event()
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._lock = threading.Lock()

    @property
    def is_stopped(self) -> bool:
        """Whether a person stopped the work."""
        return self._stopped.is_set()

    def left(self, at_most: float = math.inf) -> float:
        """Return the seconds that are left, `at_most` so many. Raises Stopped or TimeoutError."""
        if self.is_stopped:
            raise Stopped
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return min(left, at_most)

    def part(self, seconds: float) -> "Deadline":
        """Return the deadline of a part of the work: no later than this one, and stopped with it."""
        part = copy(self)
        part._end = min(self._end, time.monotonic() + seconds)
        return part

    def watch(self, sock: socket.socket) -> socket.socket:
        """Return the socket, which is shut down when the work is stopped. Raises Stopped if it is already."""
        with self._lock:
            self._sockets.add(sock)
        if self.is_stopped:
            sock.close()
            raise Stopped
        return sock

    def stop(self) -> None:
        """Stop the work."""
        self._stopped.set()
        with self._lock:
            sockets = list(self._sockets)
        for sock in sockets:
            with suppress(OSError):
                # The socket's own shutdown: that of TLS would break a reader in another thread.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def run(self, function: Callable[[], Result]) -> Result:
        """Return what a function returns that has no timeout of its own; it is abandoned if it takes too long.

        Raises Stopped or TimeoutError, and whatever the function raises.
        """
        future = start(function)
        while not future.done():
            wait([future], self.left(POLL))
        return future.result()


def start(function: Callable[[], Result]) -> Future[Result]:
    """Run a function in a thread of its own, in the context of this one. It doesn't keep the process from ending."""
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=copy_context().run, args=(run,), daemon=True).start()
    return future
