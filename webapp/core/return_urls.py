"""URLs of applications to which people are led back, and which of them are allowed.

A URL is read strictly, so that no browser finds another host or path in it: only characters that RFC 3986 allows, no
user name, no `.` or `..` in the path, also none that is encoded.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from webapp.core.errors import MailroomError
from webapp.core.hosts import is_loopback
from webapp.core.i18n import lazy_gettext as _

MAX_LENGTH = 1000
DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_PORT = 65535

_CHARACTERS = re.compile(r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*")
_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = rf"{_LABEL}(?:[.]{_LABEL})*|\[[0-9a-f:.]+\]"
_URL = re.compile(rf"(https?)://({_HOST})(?::([0-9]{{1,5}}))?(/[^?#]*)?([?][^#]*)?(#.*)?", re.IGNORECASE)
# A segment that leads upwards or nowhere, also with the parameters that some servers remove first; an encoded slash
# or backslash, which some servers decode.
_DOTS = re.compile(r"/(?:[.]|%2e){1,2}(?:;[^/]*)?(?=/|$)|%2f|%5c|%00", re.IGNORECASE)


class InvalidReturnUrl(MailroomError):
    """Nobody can be led to this URL; the message says why."""


class ReturnUrl(NamedTuple):
    """A URL that was read: how it begins, in lower case and without the default port; the rest of it."""

    scheme: str
    host: str
    path: str
    rest: str

    @property
    def prefix(self) -> str:
        """The URL that others begin with which are allowed by this one."""
        return f"{self.scheme}://{self.host}{self.path.rstrip('/')}"


def parse(url: str) -> ReturnUrl:
    """Read a URL. Raises InvalidReturnUrl."""
    if len(url) > MAX_LENGTH:
        raise InvalidReturnUrl(_("This URL is too long: use at most %(most)s characters.", most=MAX_LENGTH))
    match = _URL.fullmatch(url) if _CHARACTERS.fullmatch(url) else None
    if match is None:
        raise InvalidReturnUrl(
            _("Enter a complete URL such as https://app.example.com/welcome, in ASCII and without a user name.")
        )
    scheme, host, port, path, query, fragment = match.groups(default="")
    scheme, host, number = scheme.lower(), host.lower(), int(port or 0)
    if scheme == "http" and not is_loopback(host.strip("[]")):
        raise InvalidReturnUrl(_("The URL must start with https://. Only this machine (localhost) may use http://."))
    if number > MAX_PORT or (port and not number):
        raise InvalidReturnUrl(_("A port is a number from 1 to 65535."))
    if _DOTS.search(path):
        raise InvalidReturnUrl(_("The path must not contain “.” or “..” as a part, nor an encoded slash."))
    shown = host if number in (0, DEFAULT_PORTS[scheme]) else f"{host}:{number}"
    return ReturnUrl(scheme, shown, path, query + fragment)


def parse_prefix(url: str) -> str:
    """Return the beginning of allowed URLs as it is stored. Raises InvalidReturnUrl, also with a query or fragment."""
    found = parse(url)
    if found.rest:
        raise InvalidReturnUrl(_("Leave out what follows “?” or “#”: all URLs that begin with this one are allowed."))
    return found.prefix


def is_allowed(url: ReturnUrl, prefixes: Iterable[str]) -> bool:
    """Return whether a URL has the scheme, host, port and path of a prefix, or a path below it."""
    return any(_begins_with(url, parse(prefix)) for prefix in prefixes)


def _begins_with(url: ReturnUrl, prefix: ReturnUrl) -> bool:
    below = prefix.path.rstrip("/")
    same = (url.scheme, url.host) == (prefix.scheme, prefix.host)
    return same and (url.path.rstrip("/") == below or url.path.startswith(f"{below}/"))
