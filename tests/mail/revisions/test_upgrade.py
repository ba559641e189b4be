"""The mail server of a database from before there were revisions."""

import pytest
from alembic import command
from sqlalchemy import text

from tests.support.grants import GrantOwner
from webapp.core import schema
from webapp.mail import servers
from webapp.mail.revisions import service as revisions
from webapp.mail.service import save


@pytest.fixture
def database_url(own_database_url: str) -> str:
    """A database whose schema the test may change."""
    return own_database_url


def test_the_settings_in_use_are_the_first_revision_and_their_draft_stays_one(owner: GrantOwner) -> None:
    owner.save(authentication="password", secrets={"password": "secret"})
    database, draft = owner.state.database, owner.entered(mail_from="news@mailroom.example")
    with database.transaction() as session:
        save(session, owner.state.sealer, draft, "owner@mailroom.example", keep_draft=True)
    with database.engine.connect().execution_options(writes=True) as connection, connection.begin():
        command.downgrade(schema.alembic_config(connection), "0017")
        positions = connection.scalars(text("SELECT position FROM mail_servers ORDER BY id")).all()
    assert positions == [0, -1]
    schema.upgrade(database)
    with database.read() as session:
        used, kept = servers.primary(session), servers.drafts(session)
        assert used is not None
        [first] = revisions.of_server(session, used.id)
    assert [(one.name, one.replaces_id, one.mail_from) for one in kept] == [
        ("Custom (draft)", used.id, "news@mailroom.example")
    ]
    assert (first.number, first.created_by, used.name, used.revision) == (1, "owner@mailroom.example", "Custom", 1)
    assert servers.open_secrets(owner.state.sealer, first) == {"password": "secret"}
    assert revisions.to_values(first).items() <= used.values.items()
