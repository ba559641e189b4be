"""Who gets in with which secret, from where."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import event, select

from tests.support.applications import IDENTIFIER, SECRET, add_application
from webapp.applications import service
from webapp.applications.credentials import (
    WRONG_BY_NETWORK,
    ApplicationDisabled,
    InvalidCredentials,
    NetworkNotAllowed,
    authenticate,
    trusted,
)
from webapp.applications.models import Application
from webapp.audit.models import AuditEntry
from webapp.core import clock
from webapp.core.database import Database
from webapp.core.errors import TooManyRequests
from webapp.core.sealing import sha256_hex

HERE = "192.0.2.7"
Trust = Callable[..., Application]


def entries(database: Database) -> list[AuditEntry]:
    """Return what the audit trail holds of refused credentials."""
    with database.read() as session:
        return list(session.scalars(select(AuditEntry).where(AuditEntry.event == "application.refused")))


def guess_until_refused(database: Database, address: str = HERE) -> None:
    """Use up what a network may get wrong."""
    for number in range(WRONG_BY_NETWORK.times):
        with pytest.raises(InvalidCredentials):
            authenticate(database, f"guess {number}", address)


@pytest.fixture
def trust(database: Database) -> Trust:
    """Add an application that trusts networks."""

    def add(name: str, *networks: str, **values: object) -> Application:
        values |= {"identifier": f"app_{name}", "networks": list(networks), "trusts_networks": True}
        return add_application(database, name, secret=name, **values)

    return add


@pytest.mark.parametrize("identifier", ["", IDENTIFIER])
def test_a_right_secret_lets_the_application_in(database: Database, identifier: str) -> None:
    add_application(database)
    assert authenticate(database, SECRET, HERE, identifier).name == "Shop"


@pytest.fixture
def statements(database: Database) -> list[str]:
    """What is sent to the database."""
    sent: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: sent.append(given[2]))
    return sent


@pytest.mark.one_database
def test_what_succeeds_takes_one_query(database: Database, statements: list[str]) -> None:
    add_application(database, last_used_at=clock.now())
    statements.clear()
    authenticate(database, SECRET, HERE)
    assert len(statements) == 1


@pytest.mark.one_database
def test_an_unknown_identifier_is_refused_by_the_same_steps_as_a_wrong_secret(
    database: Database, statements: list[str]
) -> None:
    add_application(database)
    steps = []
    for identifier in (IDENTIFIER, "app_unknown"):
        statements.clear()
        with pytest.raises(InvalidCredentials):
            authenticate(database, "wrong", HERE, identifier)
        steps.append(list(statements))
    assert steps[0] == steps[1]


@pytest.mark.one_database
@pytest.mark.parametrize(("secret", "identifier"), [("", ""), ("wrong", IDENTIFIER), (SECRET, "app_other")])
def test_a_wrong_secret_is_refused_and_audited_without_what_was_entered(
    database: Database, secret: str, identifier: str
) -> None:
    add_application(database)
    with pytest.raises(InvalidCredentials):
        authenticate(database, secret, HERE, identifier)
    [entry] = entries(database)
    known = {"application": "Shop"} if identifier == IDENTIFIER else {}
    assert (entry.ip_address, entry.data) == (HERE, {"refusal": "invalid_credentials", **known})


def test_a_secret_in_the_field_of_the_identifier_is_not_recorded(database: Database) -> None:
    add_application(database)
    with pytest.raises(InvalidCredentials):
        authenticate(database, IDENTIFIER, HERE, identifier=f"{SECRET}\0")
    assert SECRET not in str([entry.data for entry in entries(database)])


@pytest.mark.one_database
def test_a_disabled_application_is_refused(database: Database) -> None:
    add_application(database, disabled_at=clock.now())
    with pytest.raises(ApplicationDisabled):
        authenticate(database, SECRET, HERE)


@pytest.mark.one_database
@pytest.mark.parametrize("address", ["198.51.100.1", "2001:db8:1::1", "", "unix"])
def test_an_application_may_not_come_from_another_network(database: Database, address: str) -> None:
    add_application(database, networks=["192.0.2.0/24", "2001:db8::/64"])
    with pytest.raises(NetworkNotAllowed):
        authenticate(database, SECRET, address)


@pytest.mark.one_database
@pytest.mark.parametrize("address", [HERE, f"::ffff:{HERE}", "2001:db8::9"])
def test_an_application_may_come_from_its_networks(database: Database, address: str) -> None:
    add_application(database, networks=["192.0.2.0/24", "2001:db8::/64"])
    assert authenticate(database, SECRET, address).name == "Shop"


def test_guesses_are_throttled_by_network_and_right_secrets_never(database: Database) -> None:
    add_application(database)
    guess_until_refused(database, "2001:db8::1")
    with pytest.raises(TooManyRequests):
        authenticate(database, "one more guess", "2001:db8::2")
    assert authenticate(database, SECRET, "2001:db8::2").name == "Shop"
    with pytest.raises(InvalidCredentials):
        authenticate(database, "a guess from elsewhere", HERE)


@pytest.mark.one_database
def test_the_audit_trail_cannot_be_flooded(database: Database) -> None:
    add_application(database, disabled_at=clock.now())
    guess_until_refused(database)
    for _time in range(30):
        with pytest.raises(ApplicationDisabled):
            authenticate(database, SECRET, HERE)
    assert len(entries(database)) == 2 * 20


def test_use_is_noted_once_a_minute_and_does_not_make_forms_stale(database: Database) -> None:
    shop = add_application(database)
    with time_machine.travel(clock.now(), tick=False) as traveller:
        first = clock.now()
        authenticate(database, SECRET, HERE)
        traveller.shift(timedelta(seconds=59))
        authenticate(database, SECRET, "192.0.2.8")
        with database.read() as session:
            noted = service.get(session, shop.id)
        assert (noted.last_used_at, noted.last_used_from, noted.version) == (first, HERE, shop.version)
        traveller.shift(timedelta(seconds=1))
        assert authenticate(database, SECRET, "192.0.2.8")
    with database.read() as session:
        assert service.get(session, shop.id).last_used_from == "192.0.2.8"


def test_a_previous_secret_works_until_its_overlap_ends(database: Database) -> None:
    shop = add_application(database)
    with database.transaction() as session:
        new = service.rotate(session, shop.id, timedelta(hours=2))
    assert authenticate(database, SECRET, HERE).id == authenticate(database, new, HERE).id == shop.id
    with time_machine.travel(clock.now() + timedelta(hours=2)), pytest.raises(InvalidCredentials):
        authenticate(database, SECRET, HERE)


@pytest.mark.one_database
def test_the_hash_of_a_secret_is_no_secret(database: Database) -> None:
    add_application(database)
    with pytest.raises(InvalidCredentials):
        authenticate(database, sha256_hex(SECRET), HERE)


@pytest.mark.one_database
def test_the_most_specific_of_a_hundred_networks_is_trusted(database: Database, trust: Trust) -> None:
    for number in range(100):
        trust(f"site{number}", f"10.{number}.0.0/16", "10.0.0.0/8" if number == 50 else "fd00::/8")
    trust("printer", "10.7.0.9/32", "fd00::9/128")
    found = [trusted(database, address) for address in ("10.7.0.9", "::ffff:10.7.0.8", "10.200.0.1", "fd00::9")]
    assert [one and one.name for one in found] == ["printer", "site7", "site50", "printer"]


@pytest.mark.one_database
def test_no_other_takes_the_place_of_a_disabled_application(database: Database, trust: Trust) -> None:
    trust("site", "10.0.0.0/8")
    trust("printer", "10.7.0.9/32", disabled_at=clock.now())
    assert trusted(database, "10.7.0.9") is None


@pytest.mark.one_database
def test_networks_are_not_trusted_unless_the_application_says_so(database: Database) -> None:
    add_application(database, networks=["192.0.2.0/24"])
    assert trusted(database, HERE) is None
    assert trusted(database, "") is None
