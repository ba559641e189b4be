"""Connections only need an application for its texts and providers."""

import pytest
from flask import Flask


@pytest.fixture
def app(shared_app: Flask) -> Flask:
    """Nothing here changes it."""
    return shared_app
