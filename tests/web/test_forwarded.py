"""Forwarded headers, and which proxies are trusted."""

from ipaddress import ip_network
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import create_environ

from webapp.web.forwarded import TrustedProxies, has_untrusted_headers

PROXY, OTHER_PROXY, CLIENT = "10.0.0.1", "10.0.0.2", "203.0.113.7"
NETWORKS = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


def seen(connected: str, **forwarded: str) -> dict[str, Any]:
    """Return the environment that the application gets for a request from this address with these headers."""
    environ = {"REMOTE_ADDR": connected, "wsgi.url_scheme": "http", "HTTP_HOST": "localhost"}
    environ |= {f"HTTP_X_FORWARDED_{name.upper()}": value for name, value in forwarded.items()}
    TrustedProxies(lambda environ, start: [], NETWORKS)(environ, None)
    return environ


@pytest.mark.parametrize(
    ("connected", "chain", "client"),
    [
        (PROXY, f"{CLIENT}, {OTHER_PROXY}", CLIENT),
        (PROXY, f"127.0.0.1, {CLIENT}", CLIENT),
        (PROXY, f"127.0.0.1, {CLIENT}, {OTHER_PROXY}", CLIENT),
        (PROXY, OTHER_PROXY, OTHER_PROXY),
        (PROXY, "", PROXY),
        (PROXY, "unknown", PROXY),
        (PROXY, f"{CLIENT}, <script>", PROXY),
        ("fd00::1", "2001:db8::7", "2001:db8::7"),
        ("::ffff:10.0.0.1", CLIENT, CLIENT),
        (PROXY, f"::ffff:{CLIENT}", CLIENT),
        (PROXY, f"{CLIENT}:5678", CLIENT),
        (PROXY, f"127.0.0.1, {CLIENT}:5678, {OTHER_PROXY}:443", CLIENT),
        (PROXY, "[2001:db8::7]:5678", "2001:db8::7"),
        (PROXY, "[2001:db8::7]", "2001:db8::7"),
        (PROXY, f"{CLIENT}:<script>", PROXY),
        (PROXY, "[]:5678", PROXY),
        (CLIENT, "127.0.0.1", CLIENT),
    ],
)
def test_the_client_is_the_last_address_that_is_not_a_trusted_proxy(connected: str, chain: str, client: str) -> None:
    assert seen(connected, **{"for": chain})["REMOTE_ADDR"] == client


@pytest.mark.parametrize(
    ("connected", "forwarded", "untrusted"),
    [(PROXY, {"proto": "https"}, False), (CLIENT, {"proto": "https"}, True), (CLIENT, {}, False)],
)
def test_headers_that_are_not_believed_are_noticed(connected: str, forwarded: dict[str, str], untrusted: bool) -> None:
    with Flask(__name__).request_context(create_environ() | seen(connected, **forwarded)):
        assert has_untrusted_headers() is untrusted


@pytest.mark.parametrize("scheme", ["javascript", "HTTPS://", "ftp", ""])
def test_an_unknown_scheme_is_ignored(scheme: str) -> None:
    assert seen(PROXY, proto=scheme)["wsgi.url_scheme"] == "http"
