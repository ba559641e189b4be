"""Looking up users."""

import pytest

from webapp.accounts import service
from webapp.core.database import Database
from webapp.core.errors import NotFound


def test_unknown_ids_are_not_found(database: Database) -> None:
    for number in [0, -1, 2**31, 2**63, 10**30]:
        with database.read() as session, pytest.raises(NotFound):
            service.get_user(session, number)
