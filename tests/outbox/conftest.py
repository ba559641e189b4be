"""Fixtures of the outbox tests."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import update

from tests.conftest import Enqueue
from tests.support.users import add_user
from webapp.accounts.models import UserState
from webapp.core import clock
from webapp.core.database import Database
from webapp.outbox.models import Message


@pytest.fixture
def enqueue_reset(enqueue: Enqueue, database: Database) -> Callable[[], int]:
    """Queue a password reset email to an active user; return its id."""

    def enqueue_one() -> int:
        add_user(database, "eve@people.example", name="Eve")
        return enqueue("reset", expires_at=clock.now() + timedelta(hours=1))

    return enqueue_one


@pytest.fixture
def make_due(database: Database) -> Callable[[], None]:
    """Make every queued message due."""

    def make_due() -> None:
        with database.transaction() as session:
            session.execute(update(Message).values(next_attempt_at=clock.now()))

    return make_due


@pytest.fixture
def pending(database: Database) -> int:
    """The id of a user who has not activated the account yet."""
    return add_user(database, "eve@people.example", state=UserState.PENDING, name="Eve")
