"""One-time links: valid once, stored as a hash, and precise about why they are refused."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.accounts.conftest import NewLink, run_at_once
from webapp.accounts.links import service as links
from webapp.accounts.links.errors import LinkExpired, LinkNotFound, LinkRevoked, LinkUsed
from webapp.accounts.models import Link, LinkPurpose, User
from webapp.core.database import Database


def test_the_secret_is_not_in_the_database(database: Database, pat: User, new_link: NewLink) -> None:
    secret = new_link(pat, LinkPurpose.ACTIVATION)
    with database.read() as session:
        row = session.scalars(select(Link)).one()
    assert len(secret) >= 43
    assert secret not in str(vars(row))


def test_a_link_is_valid_once(database: Database, pat: User, new_link: NewLink) -> None:
    secret = new_link(pat, LinkPurpose.ACTIVATION)
    with database.transaction() as session:
        assert links.use(session, secret, LinkPurpose.ACTIVATION).user_id == pat.id
    with database.transaction() as session, pytest.raises(LinkUsed):
        links.use(session, secret, LinkPurpose.ACTIVATION)


def test_of_simultaneous_uses_of_a_link_one_succeeds(database: Database, pat: User, new_link: NewLink) -> None:
    secret = new_link(pat, LinkPurpose.ACTIVATION)

    def spend() -> object:
        with database.transaction() as session:
            return links.use(session, secret, LinkPurpose.ACTIVATION)

    ends = run_at_once([spend] * 8)
    assert sorted(type(end).__name__ for end in ends) == ["Link"] + ["LinkUsed"] * 7


def test_a_link_is_valid_for_its_own_purpose_only(database: Database, ada: User, new_link: NewLink) -> None:
    secret = new_link(ada, LinkPurpose.RESET)
    with database.transaction() as session, pytest.raises(LinkNotFound):
        links.use(session, secret, LinkPurpose.ACTIVATION)


def test_an_expired_link_is_refused_as_expired(database: Database, ada: User, new_link: NewLink) -> None:
    secret = new_link(ada, LinkPurpose.RESET, timedelta(seconds=-1))
    with database.transaction() as session, pytest.raises(LinkExpired):
        links.use(session, secret, LinkPurpose.RESET)


def test_a_revoked_link_is_refused_as_revoked(database: Database, ada: User, new_link: NewLink) -> None:
    first, second = new_link(ada, LinkPurpose.RESET), new_link(ada, LinkPurpose.RESET)
    with database.transaction() as session:
        links.use(session, second, LinkPurpose.RESET)
        links.revoke(session, ada.id, LinkPurpose.RESET)
    with database.transaction() as session, pytest.raises(LinkRevoked):
        links.use(session, first, LinkPurpose.RESET)


@pytest.mark.one_database
@pytest.mark.parametrize("path", [*links.PATHS.values(), "/setup"])
def test_the_proxy_configuration_logs_no_secrets(path: str) -> None:
    operating = (Path(__file__).parents[3] / "docs/operating.md").read_text()
    spared = re.search(r"location ~ (\S+) \{\s+access_log off;", operating)
    assert spared
    assert re.search(spared[1], f"{path}secret" if path.endswith("/") else path)


def test_a_link_is_shown_to_one_administrator_only(database: Database, ada: User, new_link: NewLink) -> None:
    secret = new_link(ada, LinkPurpose.RESET)

    def show() -> bool:
        with database.transaction() as session:
            return links.mark_shown(session, secret)

    assert run_at_once([show] * 4).count(True) == 1
