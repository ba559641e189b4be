"""Each page has one path, so that the rules of a proxy for a path hold for the page."""

import re

from flask import Flask, abort, request

# What a request names before the path in the absolute form (RFC 9112, 3.2.2).
ORIGIN = re.compile(r"https?://[^/?#\\]*", re.IGNORECASE)
# Other ways to write a path, which Werkzeug or some proxies read as the same one: empty segments and dot segments
# (RFC 3986, 5.2.4), encoded slashes and unreserved characters (2.3), backslashes, fragments, anything not printable.
OTHER_FORM = re.compile(
    r"[^/]|.*(?:"
    r"//|/\.{1,2}(?:/|$)|[\\#]|[^!-~]|%(?:2[DEF]|3[0-9]|[46][1-9A-F]|[57][0-9A]|5[CF]|7E)"
    r")",
    re.IGNORECASE | re.DOTALL,
)


def init_app(app: Flask) -> None:
    """Answer 404 to any other form of a page's path. Comes before whatever looks at the path."""

    @app.before_request
    def check() -> None:
        if OTHER_FORM.match(_raw_path()):
            abort(404)


def _raw_path() -> str:
    """Return the path as it was sent. PATH_INFO is decoded, and servers and Werkzeug take slashes away from it."""
    environ = request.environ
    target = str(environ.get("REQUEST_URI") or environ.get("RAW_URI") or request.path)
    if origin := ORIGIN.match(target):
        target = target[origin.end() :] or "/"
    return target.partition("?")[0]
