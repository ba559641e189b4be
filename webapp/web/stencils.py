"""Pages that are alike for many readers but for a few words: drawn once, then only filled in.

Drawing a page costs several times what all the rest of its request does. So those that are asked for
most are kept as drawn: the sign-in page, which floods ask for, and Home.
"""

import secrets
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import ClassVar, cast

from flask import current_app, g, session
from flask_wtf.csrf import generate_csrf
from markupsafe import escape

from webapp.accounts.models import User
from webapp.core import i18n
from webapp.web import error_pages

EXTENSION = "mailroom stencils"
# Where Flask keeps what `flash` was told, until a page shows it.
FLASHES = "_flashes"
# Where these go. Nothing else on a page can hold such a text, as nobody else knows it.
TOKEN, NAME, ADDRESS = (secrets.token_urlsafe(32) for _ in range(3))
# Few are needed at once: one for each page, language, role and state of what the page tells of.
MOST = 100


@dataclass(frozen=True)
class AnyReader:
    """Whoever has this role, while a page is drawn: what else a page says of its reader is filled in later."""

    role: str
    name: str = NAME
    email: str = ADDRESS
    is_authenticated: ClassVar[bool] = True
    is_anonymous: ClassVar[bool] = False


def page(name: str, draw: Callable[[], str], reader: User | None = None, *facts: Hashable) -> str:
    """The page of this name for its reader, None for strangers, drawn by `draw` unless it is at hand.

    What `draw` shows may depend on `facts`, the language, the general settings, and the reader's role, and on
    nothing else: not on the session, nor on the address. Of the reader it may show the name, or else the address.
    """
    if FLASHES in session:
        return draw()
    stencils = cast(dict[Hashable, str], current_app.extensions.setdefault(EXTENSION, {}))
    role = reader.role if reader else None
    key = (name, role, i18n.current(), error_pages.general(), facts)
    drawn = stencils.get(key)
    if drawn is None:
        if len(stencils) >= MOST:
            stencils.clear()
        drawn = stencils[key] = _drawn(draw, reader)
    return _filled(drawn, reader)


def _drawn(draw: Callable[[], str], reader: User | None) -> str:
    # Flask-WTF looks here for the token of this request before it makes one, and Flask-Login for who is signed in.
    g.csrf_token = TOKEN
    if reader:
        g._login_user = AnyReader(reader.role)
    try:
        return draw()
    finally:
        g.pop("csrf_token")
        if reader:
            g._login_user = reader


def _filled(drawn: str, reader: User | None) -> str:
    if reader:
        drawn = drawn.replace(NAME, escape(reader.name or reader.email)).replace(ADDRESS, escape(reader.email))
    return drawn.replace(TOKEN, generate_csrf())
