"""Requests to web servers that are not ours."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.certificates import Authority
from tests.support.scripted import ScriptedServer
from webapp.core import http_client
from webapp.core.http_client import InvalidResponse, InvalidUrl, NotSent

pytestmark = pytest.mark.one_database
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Name: value\r\n\r\n{}"


@pytest.fixture
def web(scripted: Callable[..., ScriptedServer]) -> Callable[..., str]:
    """A web server that says this at once; its address."""

    def web(says: bytes, **options: Any) -> str:
        server = scripted({"GREETING": says}, **options)
        scheme = "https" if options.get("tls") else "http"
        return f"{scheme}://{options.get('name', 'localhost')}:{server.port}/token?x=1"

    return web


def test_a_response_over_tls_is_read_completely(web: Callable[..., str]) -> None:
    answer = http_client.post(web(ANSWER, tls="tls"), {"Accept": "application/json"}, b"a=b")
    assert (answer.status, answer.headers["x-name"], answer.body) == (200, "value", b"{}")


def test_a_certificate_for_another_name_is_refused(web: Callable[..., str], authority: Authority) -> None:
    address = web(ANSWER, tls="tls", certificate=authority.server("other.example"))
    with pytest.raises(NotSent, match="Hostname mismatch"):
        http_client.post(address, {}, b"")


@pytest.mark.parametrize(
    "address",
    ["", "http://provider.example/token", "ftp://localhost/", "https://", "https://user:pass@provider.example/",
     "https://provider.example:99999/", "https://provider.example/a b", "https://provider.example/\r\nX: y",
     "https://[::1", "javascript:alert(1)"],
)  # fmt: skip
def test_only_complete_https_urls_are_accepted(address: str) -> None:
    with pytest.raises(InvalidUrl):
        http_client.post(address, {}, b"")


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1/x", "http://[::1]:8080/", "http://localhost/", "https://x.example"]
)
def test_plain_http_is_accepted_for_this_machine(address: str) -> None:
    assert http_client.parse_url(address).geturl() == address


@pytest.mark.parametrize("says", [b"220 not http\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 100_000, b"\0"])
def test_a_reply_that_is_not_http_is_refused(web: Callable[..., str], says: bytes) -> None:
    with pytest.raises(InvalidResponse):
        http_client.post(web(says), {}, b"")
