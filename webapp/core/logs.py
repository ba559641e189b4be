"""Structured logs on standard error: an event and its data, never a secret."""

import logging
import sys
import time
from functools import partial
from typing import Any

import structlog
from sqlalchemy.orm import Session

from webapp.core.config import Config
from webapp.core.database import after_commit

# Seconds between two lines of Huey's that say the same.
HUEY_INTERVAL = 60

_log = structlog.get_logger("mailroom")


def configure(config: Config) -> None:
    """Log as JSON lines or as text, both our events and those of libraries."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if config.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    handler.addFilter(HueyFilter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    # Huey logs each task, and seven lines at its start and stop; the worker logs two of its own.
    for chatty in ("huey", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


class HueyFilter(logging.Filter):
    """Lets each kind of line of Huey's through once a minute: each of its threads repeats what fails every second.

    Only the type of an error remains: a queue that is down needs no traceback.
    """

    def __init__(self) -> None:
        super().__init__()
        self._next: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line is logged; shorten it."""
        if record.name.split(".")[0] != "huey":
            return True
        now, kind = time.monotonic(), str(record.msg)
        if now < self._next.get(kind, 0):
            return False
        self._next[kind] = now + HUEY_INTERVAL
        if record.exc_info and record.exc_info[0]:
            record.msg, record.args = f"{record.getMessage()} {record.exc_info[0].__name__}", ()
            record.exc_info = record.exc_text = None
        return True


def log_after_commit(session: Session, event: str, **data: Any) -> None:
    """Log an event once the transaction is committed. `web.access` binds the actor to all events of a request."""
    after_commit(session, partial(_log.info, event, **data))
