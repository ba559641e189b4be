"""Each page has one path, so that the rules of a proxy for a path hold for the page."""

import re
from string import ascii_letters, digits

from flask import Flask, abort, request
from werkzeug.routing import IntegerConverter

# What a request names before the path in the absolute form (RFC 9112, 3.2.2).
ORIGIN = re.compile(r"https?://[^/?#\\]*", re.IGNORECASE)
# Other ways to write a path, which Werkzeug or some proxies read as the same one: without the first slash, with empty
# or dot segments (RFC 3986, 5.2.4), backslashes, a fragment, or anything not printable.
OTHER_FORM = re.compile(r"[^/]|.*(?://|/\.{1,2}(?:/|$)|[\\#]|[^!-~])", re.DOTALL)
ENCODED = re.compile(r"%([0-9a-f]{2})", re.IGNORECASE)
# Slashes and the unreserved characters (2.3): `%2F` and `%75` are other ways, too.
NEVER_ENCODED = frozenset(f"{ascii_letters}{digits}-._~/\\")


class Number(IntegerConverter):
    """A number as pages write it: Werkzeug's also has leading zeros, and the digits of all scripts."""

    regex = "0|[1-9][0-9]*"


def init_app(app: Flask) -> None:
    """Answer 404 to any other form of a page's path. Comes before whatever looks at the path, or has one."""
    app.url_map.converters["int"] = Number

    @app.before_request
    def check() -> None:
        path = _raw_path()
        decoded = {chr(int(code, 16)) for code in ENCODED.findall(path)}
        if OTHER_FORM.match(path) or decoded & NEVER_ENCODED:
            abort(404)


def _raw_path() -> str:
    """Return the path as it was sent. PATH_INFO is decoded, and servers and Werkzeug take slashes away from it."""
    environ = request.environ
    target = str(environ.get("REQUEST_URI") or environ.get("RAW_URI") or request.path)
    if origin := ORIGIN.match(target):
        target = target[origin.end() :] or "/"
    return target.partition("?")[0]
