"""The mail server of a database from before there were revisions."""

import pytest
from alembic import command
from sqlalchemy import text

from tests.mail.revisions.conftest import revisions_of
from tests.support.grants import GrantOwner
from webapp.core import schema
from webapp.mail import servers
from webapp.mail.revisions import service as revisions


@pytest.fixture
def database_url(own_database_url: str) -> str:
    """A database whose schema the test may change."""
    return own_database_url


def test_the_settings_in_use_are_the_first_revision(owner: GrantOwner) -> None:
    owner.save(authentication="password", secrets={"password": "secret"})
    database = owner.state.database
    with database.engine.connect().execution_options(writes=True) as connection, connection.begin():
        command.downgrade(schema.alembic_config(connection), "0017")
        assert connection.scalar(text("SELECT count(*) FROM mail_servers")) == 1
    schema.upgrade(database)
    [first] = revisions_of(owner)
    assert (first.number, first.created_by, owner.server.revision) == (1, "owner@mailroom.example", 1)
    assert servers.open_secrets(owner.state.sealer, first) == {"password": "secret"}
    assert revisions.to_values(first).items() <= owner.server.values.items()
