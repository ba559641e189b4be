"""Where the SMTP server listens, as it is configured: `127.0.0.1:2525`, `smtps://[::]:465`."""

from typing import NamedTuple
from urllib.parse import urlsplit

IMPLICIT_TLS = "smtps"


class SmtpAddress(NamedTuple):
    """One address; with `implicit_tls`, connections begin with TLS (RFC 8314)."""

    host: str
    port: int
    implicit_tls: bool


def parse(text: str) -> list[SmtpAddress]:
    """Parse addresses that are separated by commas. Raises ValueError for one that can't be read."""
    return [_parse(part.strip()) for part in text.split(",") if part.strip()]


def _parse(text: str) -> SmtpAddress:
    parts = urlsplit(text if "://" in text else f"smtp://{text}")
    alone = not (parts.username or parts.password or parts.path.rstrip("/") or parts.query or parts.fragment)
    if parts.scheme not in ("smtp", IMPLICIT_TLS) or not parts.hostname or not parts.port or not alone:
        raise ValueError(text)
    return SmtpAddress(parts.hostname, parts.port, parts.scheme == IMPLICIT_TLS)
