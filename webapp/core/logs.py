"""Structured logs on standard error: an event and its data, never a secret."""

import logging
import sys
from functools import partial
from typing import Any

import structlog
from sqlalchemy.orm import Session

from webapp.core.config import Config
from webapp.core.database import after_commit

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
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    # Huey logs seven lines at its start and stop; the worker logs two of its own.
    for chatty in ("huey", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def log_after_commit(session: Session, event: str, **data: Any) -> None:
    """Log an event once the transaction is committed. `web.access` binds the actor to all events of a request."""
    after_commit(session, partial(_log.info, event, **data))
