"""Connections that begin with TLS, until they are encrypted: counted from their first byte on, like all others.

asyncio's own servers tell their protocols of a connection only after its handshake; so many that never finish one would
take as much memory as they like.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from ssl import SSLContext
from typing import cast

from webapp.submission import limits
from webapp.submission.connection import Connection, Door, address_of


class Handshake(asyncio.Protocol):
    """A connection that is not encrypted yet."""

    def __init__(self, door: Door, context: SSLContext, create: Callable[[], Connection]) -> None:
        """Use this certificate, and go on as the connection that `create` returns."""
        self._door, self._context, self._create = door, context, create
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake, unless there are too many connections."""
        plain = cast(asyncio.Transport, transport)
        address = address_of(plain)
        if self._door.stopping or not self._door.connections.enter(address):
            self._door.committer.count("connections", None)
            plain.abort()
            return
        self._task = asyncio.get_running_loop().create_task(self._run(plain, address))
        self._door.open.add(self)

    def stop(self) -> None:
        """Give up."""
        if self._task:
            self._task.cancel()

    async def _run(self, plain: asyncio.Transport, address: str) -> None:
        connection, loop = self._create(), asyncio.get_running_loop()
        encrypted = None
        try:
            with suppress(OSError):
                encrypted = await loop.start_tls(
                    plain, connection, self._context, server_side=True, ssl_handshake_timeout=limits.HANDSHAKE
                )
        finally:
            self._door.connections.leave(address)
            self._door.open.discard(self)
            if encrypted is None:
                plain.abort()
        # Of a connection that is lost by now, nobody would be told again.
        if encrypted and not (plain.is_closing() or encrypted.is_closing()):
            connection.connection_made(encrypted)
