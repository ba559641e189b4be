"""The client of a request: its IP address, its user agent, which may claim anything, and its cookies."""

import re
from dataclasses import dataclass, field

from flask import request
from flask_babel import gettext as _

from webapp.web import cookies

MAX_IP_ADDRESS_LENGTH, MAX_USER_AGENT_LENGTH = 64, 300
# The first match wins: most browsers name others too.
BROWSERS = [
    ("Edge", r"\bEdg(e|A|iOS)?/"),
    ("Opera", r"\bOPR/|\bOpera\b"),
    ("Samsung Internet", r"\bSamsungBrowser/"),
    ("Vivaldi", r"\bVivaldi/"),
    ("Firefox", r"\b(Firefox|FxiOS)/"),
    ("Chrome", r"\b(Chrome|CriOS|Chromium|HeadlessChrome)/"),
    ("Safari", r"\bSafari/"),
]
SYSTEMS = [
    ("iPhone", r"\biPhone\b"),
    ("iPad", r"\biPad\b"),
    ("Android", r"\bAndroid\b"),
    ("ChromeOS", r"\bCrOS\b"),
    ("Windows", r"\bWindows\b"),
    ("macOS", r"\bMac OS X\b|\bMacintosh\b"),
    ("Linux", r"\bLinux\b|\bX11\b"),
]


@dataclass(frozen=True)
class Client:
    """Who sent a request, as far as it is known without signing in.

    `device_cookie` is the value by which the browser is recognised at login, `session_token` that of its session.
    """

    ip_address: str
    user_agent: str
    device_cookie: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)


def current_client() -> Client:
    """Return the client of the current request, with its user agent shortened and without control characters."""
    user_agent = "".join(filter(str.isprintable, request.headers.get("User-Agent", "")))
    return Client(
        (request.remote_addr or "")[:MAX_IP_ADDRESS_LENGTH],
        user_agent[:MAX_USER_AGENT_LENGTH],
        cookies.get(cookies.DEVICE),
        cookies.get(cookies.SESSION),
    )


def describe(user_agent: str) -> str:
    """Name the browser and the system, such as “Firefox on Windows”, as far as they are known."""
    browser, system = _first_match(BROWSERS, user_agent), _first_match(SYSTEMS, user_agent)
    if browser and system:
        return _("%(browser)s on %(system)s", browser=browser, system=system)
    return browser or system or _("Unknown device")


def _first_match(names: list[tuple[str, str]], user_agent: str) -> str:
    return next((name for name, pattern in names if re.search(pattern, user_agent)), "")
