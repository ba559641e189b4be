"""Texts that are translated when they are shown, not when the module is imported."""

from collections.abc import Callable
from typing import cast

import flask_babel

# Typed as the `str` that it becomes.
lazy_gettext = cast(Callable[..., str], flask_babel.lazy_gettext)
