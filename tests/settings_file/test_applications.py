"""Applications that the file declares."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from tests.settings_file.conftest import Apply, Problems
from tests.support.browser import Browser
from webapp.applications import credentials, service
from webapp.applications.credentials import InvalidCredentials
from webapp.applications.models import Application
from webapp.applications.values import Values
from webapp.core.app_state import AppState
from webapp.core.errors import SetInFile
from webapp.settings_file import export

FIRST, SECOND = "the first secret of forty-two characters....", "the second secret of forty-two characters..."
SHOP = """
[[applications]]
name = "Shop"
identifier = "app_shop"
may = ["send"]
senders = ["shop.example", "help@example.com"]
messages_per_hour = 100
secret = { env = "SECRET" }
"""


def find(state: AppState, name: str = "Shop") -> Application:
    with state.database.read() as session:
        return service.find(session, name)


def test_an_application_is_created_and_its_secret_lets_it_in(
    apply: Apply, state: AppState, settings_file: Path
) -> None:
    (settings_file.parent / "shop").write_text(f"{FIRST}\r\n")
    for _twice in range(2):
        apply(SHOP.replace('env = "SECRET"', 'file = "shop"'))
    shop = credentials.authenticate(state.database, FIRST, "127.0.0.1", "app_shop")
    assert (shop.name, shop.may_send, shop.may_manage_users) == ("Shop", True, False)
    assert (shop.allowed_senders, shop.messages_per_hour) == (["shop.example", "help@example.com"], 100)


@pytest.mark.one_database
def test_another_secret_takes_over_while_the_first_goes_on_for_a_day_and_may_come_back(
    apply: Apply, state: AppState
) -> None:
    for secret in (FIRST, SECOND, SECOND, FIRST):
        apply(SHOP, SECRET=secret)
        for either in {FIRST, secret}:
            assert credentials.authenticate(state.database, either, "127.0.0.1").name == "Shop"
    with state.database.read() as session:
        shop = service.find(session, "Shop")
        assert [one.expires_at is None for one in shop.secrets] == [True, False]
    with pytest.raises(InvalidCredentials):
        credentials.authenticate(state.database, "neither of the two secrets", "127.0.0.1")


@pytest.mark.one_database
def test_what_the_file_sets_of_an_application_is_changed_nowhere_else(apply: Apply, state: AppState) -> None:
    apply(SHOP, SECRET=FIRST)
    shop = find(state)
    wrong: list[Callable[[Session], object]] = [
        lambda session: service.update(session, shop.id, Values("Store")),
        lambda session: service.rotate(session, shop.id, timedelta(0)),
        lambda session: service.delete(session, shop.id),
    ]
    for change in wrong:
        with pytest.raises(SetInFile), state.database.transaction() as session:
            change(session)
    with state.database.transaction() as session:
        service.update(session, shop.id, replace(service.values_of(shop), networks=["10.0.0.0/8"]))
        service.disable(session, shop.id)
    apply(SHOP, SECRET=FIRST)
    assert find(state).networks == ["10.0.0.0/8"]
    assert find(state).disabled_at is not None


@pytest.mark.one_database
def test_the_pages_show_what_is_set_in_the_file(apply: Apply, state: AppState, administrator: Browser) -> None:
    apply(SHOP + "[general]\ncontent_days = 7", SECRET=FIRST)
    path = f"/settings/applications/{find(state).id}"
    page = administrator.get(path).text
    # Name, both permissions, senders and the limit.
    assert page.count("Set in the settings file.") == 5
    assert "Create a new secret" not in page
    assert "Delete…" not in page
    assert "Saved." in administrator.submit(path, return_urls="https://shop.example/").text
    assert find(state).may_send
    refused = administrator.submit(path, allowed_senders="evil.example").text
    assert 'id="allowed_senders-error">The settings file sets this.' in refused
    assert administrator.submit(f"{path}/secret", overlap="0").status_code == 409
    refused = administrator.submit("/settings/applications", content_days="9").text
    assert 'id="content_days-error">The settings file sets this.' in refused


@pytest.mark.one_database
def test_an_application_that_is_removed_from_the_file_stays_and_can_be_deleted(apply: Apply, state: AppState) -> None:
    apply(SHOP, SECRET=FIRST)
    apply("")
    with state.database.transaction() as session:
        service.delete(session, find(state).id)


@pytest.mark.one_database
def test_what_is_wrong_with_an_application_is_said_at_its_key(problems: Problems, state: AppState) -> None:
    wrong = [
        (SHOP + SHOP, "line 11, applications[2].name: The file has this name twice."),
        (SHOP.replace('name = "Shop"\n', ""), "applications[1].name: Give it a name"),
        (
            SHOP.replace('"send"', '"sent"'),
            "line 5, applications[1].may: There is no “sent”. Allowed are: send, users.",
        ),
        (SHOP.replace('["send"]', '"send"'), "applications[1].may: Write a list of texts in quotes"),
        (SHOP.replace("shop.example", "@"), "line 6, applications[1].senders: “@” is neither"),
        (SHOP.replace("100", "0"), "applications[1].messages_per_hour: Enter a whole number from 1"),
        (SHOP.replace("app_shop", "shop"), "applications[1].identifier: Enter app_ and"),
        (SHOP.replace("senders", "sender"), "There is no such setting. Did you mean senders?"),
        (
            SHOP + SHOP.replace("Shop", "Store").replace("_shop", "_store"),
            "applications[2].secret: Another application",
        ),
    ]
    for content, expected in wrong:
        (found,) = problems(content, SECRET=FIRST)
        assert expected in found
    (found,) = problems(SHOP, SECRET="short")
    assert found == "line 8, applications[1].secret: Use at least 32 random characters."


@pytest.mark.one_database
def test_exported_applications_can_be_applied_again(apply: Apply, state: AppState) -> None:
    apply(SHOP, SECRET=FIRST)
    with state.database.read() as session:
        exported = export.export(session)
    assert FIRST not in exported
    assert 'identifier = "app_shop"' in exported
    apply(exported, APPLICATION_1_SHOP_SECRET=FIRST)
    with state.database.read() as session:
        assert export.export(session) == exported
