"""Fixtures for the tests of imports."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from webapp.accounts.models import User
from webapp.core.app_state import AppState

People = Callable[[], list[User]]


@pytest.fixture
def people(state: AppState) -> People:
    """List all users in the order of their addresses."""

    def read() -> list[User]:
        with state.database.read() as session:
            return list(session.scalars(select(User).order_by(User.email_key)))

    return read
