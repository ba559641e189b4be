"""Texts that are translated when they are shown, typed as the `str` they become."""

from collections.abc import Callable
from typing import cast

import flask_babel

lazy_gettext = cast(Callable[..., str], flask_babel.lazy_gettext)
