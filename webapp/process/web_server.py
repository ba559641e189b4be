"""One process of the web server. All of them accept connections from the same socket, which their parent opened."""

import logging
import os
import signal
import socket
import threading
import time
from typing import Any

from flask import Flask
from waitress.server import BaseWSGIServer, create_server

from webapp.core.config import MAX_REQUEST_SIZE
from webapp.core.open_files import allow_open_files
from webapp.process.admission import Admission
from webapp.process.http_channel import Channel, StrictParser, Uploads
from webapp.web.security import upload_paths

# Seconds that requests in flight get to finish once the process is asked to stop.
GRACE = 20.0
POLL = 0.05
LIMITS = {
    # Above what the application accepts, so that its own page says that a form is too large.
    "max_request_body_size": 2 * MAX_REQUEST_SIZE,
    "max_request_header_size": 64 * 1024,
    # What is larger waits in a temporary file, so that connections which stall cost no memory.
    "inbuf_overflow": 64 * 1024,
    "connection_limit": 1000,
    # Seconds without a byte, between two requests and within one.
    "channel_timeout": 30,
    "cleanup_interval": 5,
}


def create(app: Flask, listener: socket.socket, threads: int) -> BaseWSGIServer:
    """Return a waitress server. A request gets a thread once it has arrived whole.

    Waitress drops headers with an underscore in their name, which WSGI could not tell from those with a hyphen.
    """
    server: BaseWSGIServer = create_server(
        Admission(app, threads),
        sockets=[listener],
        threads=threads,
        ident=None,
        # `web.forwarded` decides which proxies to trust; waitress knows only one address, or everybody.
        clear_untrusted_proxy_headers=False,
        asyncore_use_poll=True,
        log_socket_errors=False,
        **LIMITS,
    )
    server.channel_class = Channel
    StrictParser.uploads = Uploads(upload_paths(app))
    return server


def serve_web(app: Flask, listener: socket.socket, threads: int) -> None:
    """Serve the application in this process until SIGTERM or SIGINT; a second signal ends it at once."""
    logging.getLogger("waitress").addFilter(_without_path)
    # It warns whenever a request waits for a thread.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    allow_open_files()
    server = create(app, listener, threads)

    def stop(*_: Any) -> None:
        if not server.accepting:
            raise SystemExit
        server.accepting = False
        threading.Thread(target=_finish, args=(server,), name="finish", daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    # It returns on SystemExit.
    server.run()


def _finish(server: BaseWSGIServer) -> None:
    """Wait until all requests that have arrived are answered, then end the process."""
    deadline = time.monotonic() + GRACE
    while _is_busy(server) and time.monotonic() < deadline:
        time.sleep(POLL)
    os.kill(os.getpid(), signal.SIGTERM)


def _is_busy(server: BaseWSGIServer) -> bool:
    channels = list(server.active_channels.values())
    return any(channel.requests or channel.total_outbufs_len for channel in channels)


def _without_path(record: logging.LogRecord) -> bool:
    """Take the path from waitress's messages, because it may contain the secret of a link."""
    record.msg = str(record.msg).partition(" while serving ")[0]
    return record.levelno >= logging.WARNING
