"""The client's address, scheme and host behind trusted proxies."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from flask import request

from webapp.core.config import Network
from webapp.core.hosts import IpAddress, parse_ip_address

NAMES = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host")
_TRUSTED = "mailroom.trusted_proxy"
# An address with a port, as some proxies send it; IPv6 in brackets (RFC 7239, 6).
WITH_PORT = re.compile(r"\[([^\]]+)\](?::[0-9]+)?|([0-9.]+):[0-9]+")


class TrustedProxies:
    """WSGI middleware that trusts X-Forwarded-For, -Proto and -Host from the configured networks only.

    Werkzeug's ProxyFix counts hops and trusts anyone who connects; here the address that connects decides. The client
    is the last address in the chain that is not a trusted proxy.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]], networks: Sequence[Network]) -> None:
        self.app = app
        self.networks = networks

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Rewrite the environment of a request that comes through a trusted proxy."""
        if self._trusts(environ.get("REMOTE_ADDR", "")):
            environ[_TRUSTED] = True
            chain = [part.strip() for part in environ.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
            while len(chain) > 1 and self._trusts(chain[-1]):
                chain.pop()
            if chain and (client := _parsed(chain[-1])):
                environ["REMOTE_ADDR"] = str(client)
            scheme = _last(environ, "HTTP_X_FORWARDED_PROTO")
            if scheme in ("http", "https"):
                environ["wsgi.url_scheme"] = scheme
            if host := _last(environ, "HTTP_X_FORWARDED_HOST"):
                environ["HTTP_HOST"] = host
        return self.app(environ, start_response)

    def _trusts(self, address: str) -> bool:
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self.networks)


def has_untrusted_headers() -> bool:
    """Return whether the request has such headers that were not believed, as no trusted proxy sent them."""
    return _TRUSTED not in request.environ and any(name in request.headers for name in NAMES)


def _parsed(text: str) -> IpAddress | None:
    """Parse an address without its port; sockets for both versions write IPv4 addresses as IPv6."""
    found = WITH_PORT.fullmatch(text)
    address = parse_ip_address((found[1] or found[2]) if found else text)
    return getattr(address, "ipv4_mapped", None) or address


def _last(environ: dict[str, Any], name: str) -> str:
    return str(environ.get(name, "")).rpartition(",")[2].strip()
