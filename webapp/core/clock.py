"""The time, asked for in one place."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present moment, in UTC, with its time zone."""
    return datetime.now(UTC)
