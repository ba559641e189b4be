"""The name servers that are asked, as they are configured: `192.0.2.53`, `192.0.2.53:5353`, `[2001:db8::53]:53`."""

import re
from typing import NamedTuple

from webapp.core.hosts import parse_ip_address

PORT = 53
_WITH_PORT = re.compile(r"\[(?P<v6>[^]]+)\](?::(?P<port6>\d{1,5}))?|(?P<v4>[^:]+)(?::(?P<port4>\d{1,5}))?")


class NameServer(NamedTuple):
    """One name server, by its IP address."""

    address: str
    port: int


def parse(text: str) -> list[NameServer]:
    """Parse addresses that are separated by commas. Raises ValueError for one that can't be read."""
    return [_parse(part.strip()) for part in text.split(",") if part.strip()]


def _parse(text: str) -> NameServer:
    found = _WITH_PORT.fullmatch(text)
    address, port = text, PORT
    if parse_ip_address(text) is None and found:
        address, port = found["v6"] or found["v4"], int(found["port6"] or found["port4"] or PORT)
    if parse_ip_address(address) is None or not 1 <= port <= 65535:
        raise ValueError(text)
    return NameServer(address, port)
