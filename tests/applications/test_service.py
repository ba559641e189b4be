"""Applications: what can be saved, and what is recorded."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from tests.conftest import Enqueue
from tests.support.applications import IDENTIFIER, add_application
from webapp.applications import service
from webapp.applications.models import Application
from webapp.applications.values import InvalidValues, Values, check
from webapp.audit.models import AuditEntry
from webapp.core import clock
from webapp.core.database import Database
from webapp.core.errors import NotFound, StaleVersion
from webapp.outbox.models import Message

SHOP = Values("Shop", may_send=True, allowed_senders=["shop.example"])


def events(database: Database) -> list[tuple[str, dict[str, Any]]]:
    """Return what the audit trail holds of applications."""
    with database.read() as session:
        found = session.scalars(select(AuditEntry).where(AuditEntry.event.startswith("application.")))
        return [(entry.event.removeprefix("application."), entry.data) for entry in found]


def problem_with(**values: Any) -> dict[str, str]:
    """Return the errors of these values, by field."""
    with pytest.raises(InvalidValues) as refused:
        check(replace(SHOP, **values))
    return {field: str(text) for field, text in refused.value.errors.items()}


def test_a_new_application_has_an_identifier_and_one_secret(database: Database) -> None:
    with database.transaction() as session:
        application, secret = service.create(session, SHOP)
    assert application.identifier.startswith("app_")
    assert secret.startswith("mrs_")
    assert len(secret) == 47
    with database.read() as session:
        found = service.find(session, "shop")
        assert found.identifier == application.identifier == service.find(session, application.identifier).identifier
        assert len(found.secrets) == 1
        assert service.values_of(found) == check(SHOP)
    assert events(database) == [("created", {"application": "Shop", "may": ["send"]})]


def test_what_refers_to_an_application_keeps_nobody_from_changing_it(database: Database) -> None:
    if database.engine.dialect.name == "sqlite":
        pytest.skip("one transaction writes at a time")
    application_id = add_application(database).id
    with database.transaction() as storing:
        # As an INSERT does with a foreign key to it.
        storing.execute(select(Application.id).with_for_update(read=True, key_share=True))
        with database.transaction() as session:
            session.execute(text("SET LOCAL lock_timeout = '1s'"))
            service.disable(session, application_id)
    with database.read() as session:
        assert session.get_one(Application, application_id).disabled_at is not None


@pytest.mark.one_database
def test_everything_is_audited_without_a_secret(database: Database) -> None:
    with database.transaction() as session:
        application, secret = service.create(session, SHOP)
        service.update(session, application.id, replace(SHOP, may_manage_users=True))
        second = service.rotate(session, application.id, timedelta(0))
        for _twice in range(2):
            service.disable(session, application.id)
        for _twice in range(2):
            service.enable(session, application.id)
        service.delete(session, application.id)
    recorded = events(database)
    names = ["created", "changed", "secret_created", "disabled", "enabled", "deleted"]
    assert [name for name, _data in recorded] == names
    assert recorded[1][1]["changed"] == ["may_manage_users"]
    assert all(data["application"] == "Shop" for _name, data in recorded)
    assert not {secret, second} & set(str(recorded).split("'"))


@pytest.mark.one_database
def test_at_most_two_secrets_are_valid(database: Database) -> None:
    shop = add_application(database)
    with database.transaction() as session:
        service.rotate(session, shop.id)
        service.rotate(session, shop.id, timedelta(hours=1))
    with database.read() as session:
        older, newest = service.get(session, shop.id).secrets
    assert newest.expires_at is None
    assert older.expires_at
    assert timedelta(minutes=59) < older.expires_at - clock.now() <= timedelta(hours=1)
    with database.transaction() as session:
        service.rotate(session, shop.id, timedelta(0))
    with database.read() as session:
        assert len(service.get(session, shop.id).secrets) == 1


@pytest.mark.one_database
def test_values_are_stored_in_one_form(database: Database) -> None:
    entered = Values(
        "  Shop ",
        allowed_senders=["@Shop.Example", "shop.example", "", "Ada@MÜNCHEN.example"],
        networks=["10.0.0.7", "::ffff:192.0.2.0/120", "10.0.0.7/32"],
        return_urls=["https://Shop.example:443/welcome/"],
    )
    stored = check(entered)
    assert stored.name == "Shop"
    assert stored.allowed_senders == ["shop.example", "Ada@münchen.example"]
    assert stored.networks == ["10.0.0.7/32", "192.0.2.0/24"]
    assert stored.return_urls == ["https://shop.example/welcome"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("name", "x" * 101),
        ("name", "Sh\u200bop"),
        ("name", "Sh\u202eop"),
        ("name", "APP_shop"),
        ("allowed_senders", ["shop"]),
        ("allowed_senders", ["*.shop.example"]),
        ("allowed_senders", ["@"]),
        ("allowed_senders", ["Shop <orders@shop.example>"]),
        ("allowed_senders", ["a@shop.example, b@shop.example"]),
        ("allowed_senders", [f"shop{number}.example" for number in range(101)]),
        ("messages_per_hour", 0),
        ("messages_per_hour", 10**7),
        ("networks", ["10.0.0.7/8"]),
        ("networks", ["10.0.0"]),
        ("networks", ["shop.example"]),
        ("networks", ["10.0.0.0/33"]),
        ("return_urls", ["http://shop.example/"]),
        ("return_urls", ["https://user@shop.example/"]),
        ("return_urls", ["javascript:alert(1)"]),
    ],
)
def test_an_error_names_its_field(field: str, value: Any) -> None:
    assert list(problem_with(**{field: value})) == [field]


def test_all_errors_are_told_at_once() -> None:
    assert list(problem_with(name="", networks=["?"], messages_per_hour=-1)) == [
        "name",
        "messages_per_hour",
        "networks",
    ]


@pytest.mark.parametrize("networks", [[], ["0.0.0.0/0"], ["::/0"], ["128.0.0.0/1"], ["10.0.0.0/8", "2000::/3"]])
def test_not_everybody_can_be_trusted(networks: list[str]) -> None:
    assert list(problem_with(networks=networks, trusts_networks=True)) == ["networks"]


@pytest.mark.one_database
@pytest.mark.parametrize("name", ["Shop", "SHOP", "\uff33hop"])
def test_no_two_applications_have_the_same_name(database: Database, name: str) -> None:
    add_application(database)
    with database.transaction() as session, pytest.raises(InvalidValues) as refused:
        service.create(session, replace(SHOP, name=name))
    assert list(refused.value.errors) == ["name"]


@pytest.mark.one_database
def test_no_two_applications_trust_the_same_network(database: Database) -> None:
    add_application(database, networks=["10.0.0.0/8"], trusts_networks=True)
    with database.transaction() as session, pytest.raises(InvalidValues) as refused:
        service.create(session, Values("Printer", networks=["10.0.0.0/8"], trusts_networks=True))
    assert list(refused.value.errors) == ["networks"]


@pytest.mark.one_database
def test_a_stale_change_is_refused_and_a_second_click_is_not(database: Database) -> None:
    shop = add_application(database)
    with database.transaction() as session:
        changed = service.update(session, shop.id, replace(SHOP, name="Store"), expected_version=shop.version)
    with database.transaction() as session:
        service.update(session, shop.id, replace(SHOP, name="Store"), expected_version=shop.version)
    with database.transaction() as session, pytest.raises(StaleVersion) as refused:
        service.update(session, shop.id, SHOP, expected_version=shop.version)
    assert refused.value.current == changed.version


def test_messages_of_a_deleted_application_are_kept(database: Database, enqueue: Enqueue) -> None:
    shop = add_application(database)
    message_id = enqueue()
    with database.transaction() as session:
        session.get_one(Message, message_id).application_id = shop.id
    with database.transaction() as session:
        service.delete(session, shop.id)
    with database.read() as session:
        assert session.get_one(Message, message_id).application_id == shop.id
        with pytest.raises(NotFound):
            service.find(session, IDENTIFIER)
