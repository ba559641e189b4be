"""The client of a request: the user agent that it names, and its description."""

import pytest
from flask import Flask

from webapp.web import client

MOZILLA = "Mozilla/5.0"
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (f"{MOZILLA} (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (f"{MOZILLA} (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/140.0.0.0 Safari/537.36", "Chrome on Windows"),
        (f"{MOZILLA} (Windows NT 10.0) {WEBKIT} Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0", "Edge on Windows"),
        (f"{MOZILLA} (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/18.0 Safari/605.1", "Safari on macOS"),
        (f"{MOZILLA} (iPhone; CPU iPhone OS 18_0 like Mac OS X) {WEBKIT} CriOS/140.0 Safari/604", "Chrome on iPhone"),
        (f"{MOZILLA} (Linux; Android 15) {WEBKIT} SamsungBrowser/28 Chrome/130", "Samsung Internet on Android"),
        ("curl/8.5.0", "Unknown device"),
        ("Firefox/1", "Firefox"),
        ("(Windows NT 10.0)", "Windows"),
        ("", "Unknown device"),
    ],
)  # fmt: skip
def test_a_user_agent_is_described_by_browser_and_system(shared_app: Flask, user_agent: str, words: str) -> None:
    with shared_app.test_request_context():
        assert client.describe(user_agent) == words


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("Firefox/1\x1b[31m\t\x7f\x85 \u202e", "Firefox/1[31m "),
        ("x" * 300 + "y", "x" * 300),
        ("\x1b" + "x" * 300, "x" * 300),
        (None, ""),
    ],
)
def test_a_user_agent_is_kept_short_and_without_control_characters(
    shared_app: Flask, sent: str | None, kept: str
) -> None:
    with shared_app.test_request_context(environ_overrides={} if sent is None else {"HTTP_USER_AGENT": sent}):
        assert client.current_client().user_agent == kept
