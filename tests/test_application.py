"""The application as a whole."""

import gc
import weakref

import pytest

from webapp import create_app
from webapp.core.config import Config

pytestmark = pytest.mark.one_database


def test_an_application_is_freed_with_its_last_reference(config: Config) -> None:
    application = weakref.ref(create_app(config))
    gc.collect()
    assert application() is None
