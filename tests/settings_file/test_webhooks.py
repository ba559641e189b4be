"""Webhooks that the file declares."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.settings_file.conftest import Apply, Problems
from tests.support.browser import Browser
from webapp.applications import service as applications
from webapp.audit.models import AuditEntry
from webapp.core.app_state import AppState
from webapp.core.errors import SetInFile
from webapp.settings_file import export
from webapp.webhooks import service, signing
from webapp.webhooks.models import Webhook

SECRET, OTHER = signing.new_secret(), signing.new_secret()
URL = "https://pager.example/a-token"
HOOKS = """
[[applications]]
name = "Shop"
[[webhooks]]
name = "Pager"
url = "https://pager.example/"
events = ["message.failed"]
[[webhooks]]
name = "Shop"
url = { env = "URL" }
application = "shop"
secret = { env = "SECRET" }
"""


def find(state: AppState, name: str) -> Webhook:
    with state.database.read() as session:
        found = service.find(session, name)
    assert found is not None
    return found


def audited(state: AppState) -> int:
    with state.database.read() as session:
        return session.scalar(select(func.count(AuditEntry.id))) or 0


def test_webhooks_are_created_with_their_secrets_and_only_changed_ones_are_saved(apply: Apply, state: AppState) -> None:
    apply(HOOKS, URL=URL, SECRET=SECRET)
    pager, shop, before = find(state, "Pager"), find(state, "Shop"), audited(state)
    assert (pager.events, pager.application_id) == (["message.failed"], None)
    assert service.endpoint(shop, state.sealer) == service.Endpoint(URL, [SECRET])
    with state.database.read() as session:
        assert shop.application_id == applications.find(session, "Shop").id
    apply(HOOKS, URL=URL, SECRET=SECRET)
    assert audited(state) == before
    assert find(state, "Pager").next_attempt_at == pager.next_attempt_at
    apply(HOOKS.replace('"message.failed"', ""), URL=URL, SECRET=OTHER)
    assert audited(state) == before + 2
    assert find(state, "Pager").events == []
    assert service.endpoint(find(state, "Shop"), state.sealer).secrets == [OTHER, SECRET]


@pytest.mark.one_database
def test_what_the_file_sets_of_a_webhook_is_locked_and_the_rest_is_not(
    apply: Apply, state: AppState, administrator: Browser
) -> None:
    apply(HOOKS, URL=URL, SECRET=SECRET)
    pager, shop = find(state, "Pager").id, find(state, "Shop").id
    page = administrator.get(f"/settings/webhooks/{shop}").text
    assert page.count("Set in the settings file.") == 3
    assert "Create a new secret" not in page
    assert "Delete …" not in page
    assert "Saved." in administrator.submit(f"/settings/webhooks/{pager}", webhook_application="1").text
    assert find(state, "Pager").events == ["message.failed"]
    refused = administrator.submit(f"/settings/webhooks/{pager}", webhook_url="https://evil.example/")
    assert "The settings file sets this." in refused.text
    wrong: list[Callable[[Session], object]] = [
        lambda session: service.delete(session, shop),
        lambda session: service.renew_secret(session, state.sealer, shop),
    ]
    for change in wrong:
        with pytest.raises(SetInFile), state.database.transaction() as session:
            change(session)


@pytest.mark.one_database
def test_what_is_wrong_with_a_webhook_is_said_at_its_key(problems: Problems) -> None:
    wrong = [
        (HOOKS.replace("https://pager", "http://pager"), "line 6, webhooks[1].url: Enter a full URL"),
        (HOOKS.replace("message.failed", "message.fails"), "line 7, webhooks[1].events: 'message.fails' is not"),
        (HOOKS.replace('"shop"', '"store"'), "line 11, webhooks[2].application: There is no application"),
        (HOOKS.replace('name = "Pager"', 'name = "Shop"'), "line 9, webhooks[2].name: The file has this name twice."),
        (HOOKS.replace('name = "Pager"', 'name = ""'), "line 5, webhooks[1].name: Enter a name."),
        (HOOKS.replace('url = "https://pager.example/"', ""), "webhooks[1].url: Enter the URL of the receiver."),
        (HOOKS.replace("url", "uri", 1), "line 6, webhooks[1].uri: There is no such setting. Did you mean url?"),
    ]
    for content, expected in wrong:
        found = problems(content, URL=URL, SECRET=SECRET)
        assert any(expected in problem for problem in found), found
    assert problems(HOOKS, URL=URL, SECRET="short") == [
        "line 12, webhooks[2].secret: A signing secret is whsec_ and 24 to 64 bytes in Base64."
    ]
    assert URL not in str(problems(HOOKS, URL=URL.replace("https", "http"), SECRET=SECRET))


@pytest.mark.one_database
def test_exported_webhooks_can_be_applied_again(apply: Apply, state: AppState) -> None:
    apply(HOOKS.replace('name = "Shop"\n[[', 'name = "Shop"\nsecret = { env = "SECRET" }\n[['), URL=URL, SECRET=SECRET)
    with state.database.read() as session:
        exported = export.export(session)
    assert URL not in exported
    assert SECRET not in exported
    pager = service.endpoint(find(state, "Pager"), state.sealer)
    before = audited(state)
    apply(
        exported,
        APPLICATION_1_SHOP_SECRET=SECRET,
        WEBHOOK_2_SHOP_URL=URL,
        WEBHOOK_2_SHOP_SECRET=SECRET,
        WEBHOOK_1_PAGER_URL=pager.url,
        WEBHOOK_1_PAGER_SECRET=pager.secrets[0],
    )
    assert audited(state) == before
