"""Pages that are alike for every stranger but for the CSRF token: drawn once, then only filled in.

The sign-in page is what everybody asks for first and what floods ask for most, and drawing it
costs several times what all the rest of such a request does.
"""

import secrets
from collections.abc import Callable, Hashable
from typing import cast

from flask import current_app, g
from flask_babel import get_locale
from flask_wtf.csrf import generate_csrf

from webapp import pages

EXTENSION = "mailroom stencils"
# Where the token goes; nothing else on a page can hold it, as nobody else knows it.
SLOT = secrets.token_urlsafe(32)
# Few are needed at once: one for each page, language and saved state of the general settings.
MOST = 100


def page(name: str, draw: Callable[[], str]) -> str:
    """The page of this name, drawn by `draw` unless one with the same language and settings is at hand.

    What `draw` shows may depend on nothing else: not on the session, nor on the address.
    """
    stencils = cast(dict[Hashable, str], current_app.extensions.setdefault(EXTENSION, {}))
    key = (name, get_locale(), pages.general())
    drawn = stencils.get(key)
    if drawn is None:
        if len(stencils) >= MOST:
            stencils.clear()
        # Flask-WTF looks here for the token of this request before it makes one.
        g.csrf_token = SLOT
        try:
            drawn = stencils[key] = draw()
        finally:
            g.pop("csrf_token")
    return drawn.replace(SLOT, generate_csrf())
