"""Several mail servers in the settings file: they are all that send, in this order."""

import pytest

from tests.settings_file.conftest import Apply, Problems
from tests.support.browser import Browser
from webapp.core.app_state import AppState
from webapp.core.errors import SetInFile
from webapp.mail import server_list, servers, service
from webapp.mail.models import MailServer
from webapp.mail.revisions import service as revisions
from webapp.settings_file import export

pytestmark = pytest.mark.one_database


def entry(name: str, *lines: str) -> str:
    """Return a table for a server with a password; `lines` add to it."""
    settings = [
        f'name = "{name}"', 'provider = "custom"', 'mail_from = "post@post.example"', 'authentication = "password"',
        f'host = "{name.lower()}.example"', 'username = "post"', 'password = { file = "mail-password" }',
    ]  # fmt: skip
    return "\n".join(["[[mail_servers]]", *settings, *lines, ""])


LIST = "/settings/mail-servers"
SHOP = '[[applications]]\nname = "Shop"\nidentifier = "app_shop"\nmay = ["send"]\n'
NEWS = entry("News", 'for_domains = ["News.example"]', 'for_applications = ["Shop"]')
OAUTH2 = (
    '[[mail_servers]]\nname = "Google"\nprovider = "google"\nmail_from = "post@post.example"\n'
    'username = "post@post.example"\n'
    'authentication = "authorization_code"\nclient_id = "1-a.apps.googleusercontent.com"\n'
    'client_secret = { file = "mail-password" }\n'
)


def used(state: AppState) -> list[str]:
    with state.database.read() as session:
        return [one.name for one in servers.in_order(session)]


def find(state: AppState, name: str) -> MailServer:
    with state.database.read() as session:
        server = servers.by_name(session, name)
    assert server is not None
    return server


def test_servers_are_used_in_the_order_of_the_file_and_for_what_it_says(apply: Apply, state: AppState) -> None:
    apply(entry("Main") + entry("Custom") + NEWS + SHOP)
    assert used(state) == ["Main", "Custom", "News"]
    assert (find(state, "News").for_domains, find(state, "News").for_applications) == (["news.example"], ["app_shop"])
    apply(entry("Custom") + entry("Main") + NEWS.replace('["Shop"]', "[]") + SHOP)
    assert (used(state), find(state, "News").for_applications) == (["Custom", "Main", "News"], [])


def test_a_server_that_is_not_in_the_file_becomes_a_draft_with_its_secret(apply: Apply, state: AppState) -> None:
    apply(entry("Main") + entry("Spare"))
    apply(entry("Main"))
    assert used(state) == ["Main"]
    assert servers.open_secrets(state.sealer, find(state, "Spare")) == {"password": "a file's secret"}
    apply(entry("Spare") + entry("Main"))
    assert used(state) == ["Spare", "Main"]


def test_a_name_with_other_than_ascii_letters_is_found_again(apply: Apply, state: AppState) -> None:
    for seconds in (10, 20):
        apply(entry("Main") + entry("Über", f"timeout = {seconds}"))
    assert (used(state), find(state, "über").timeout) == (["Main", "Über"], 20)


def test_the_first_one_takes_the_place_of_the_server_in_use(apply: Apply, state: AppState) -> None:
    apply(entry("Main").replace('name = "Main"\n', ""))
    before = find(state, "Custom").id
    apply(entry("Main", "timeout = 20") + entry("Spare"))
    server = find(state, "Main")
    assert (server.id, server.position, server.timeout) == (before, 0, 20)
    with state.database.read() as session:
        newest = revisions.of_server(session, before)[0]
    assert (newest.number, newest.changed, newest.created_by) == (2, ["timeout"], "settings file")


def test_one_that_needs_a_token_is_a_draft_and_what_was_in_use_goes_on(apply: Apply, state: AppState) -> None:
    apply(entry("Main"))
    for _ in range(2):
        apply(entry("Spare") + OAUTH2 + entry("Main"))
    assert (used(state), find(state, "Google").is_draft) == (["Spare", "Main"], True)
    apply(OAUTH2)
    assert used(state) == ["Spare", "Main"]


def test_a_draft_of_a_page_is_neither_used_nor_lost(apply: Apply, state: AppState) -> None:
    apply(entry("Main"))
    with state.database.transaction() as session:
        draft = service.copy(session, find(state, "Main").id, "ada@mailroom.example")
        draft.replaces_id, draft.host = find(state, "Main").id, "kept.example"
    apply(entry("Main", "timeout = 20"))
    kept = find(state, "Main 2")
    assert (kept.host, kept.is_draft, kept.replaces_id) == ("kept.example", True, None)
    assert find(state, "Main").host == "main.example"


def test_pages_change_neither_which_servers_are_used_nor_their_order(apply: Apply, state: AppState) -> None:
    apply(entry("Main") + NEWS + SHOP)
    main, news = find(state, "Main").id, find(state, "News").id
    with state.database.transaction() as session:
        copy = service.copy(session, main, "").id
        for change in (
            lambda: server_list.move(session, main, up=False),
            lambda: server_list.assign(session, news, "Old", ["news.example"], ["app_shop"]),
            lambda: server_list.assign(session, news, "News", [], ["app_shop"]),
            lambda: service.use(session, copy, ""),
            lambda: server_list.delete(session, news),
        ):
            with pytest.raises(SetInFile):
                change()


def test_a_server_that_a_page_adds_can_only_be_kept_as_a_draft(
    apply: Apply, administrator: Browser, state: AppState
) -> None:
    apply(entry("Main"))
    new = {"provider": "custom", "authentication": "none", "host": "new.example", "mail_from": "post@post.example"}
    page = administrator.submit("/settings/mail/new", "save", **new)
    assert "The settings file sets which servers are used. Keep this one as a draft." in page.text
    assert "Saved as a draft." in administrator.submit("/settings/mail/new", "keep_draft", **new).text
    assert "The settings file sets which servers are used, and in which order." in administrator.get(LIST).text
    assert used(state) == ["Main"]


def test_the_errors_of_all_servers_are_found_and_nothing_is_changed(
    apply: Apply, problems: Problems, state: AppState
) -> None:
    apply(entry("Main"))
    wrong = entry("Other", "port = 0") + entry("Main", "timeout = 0") + entry("main") + entry("x", "tenant = 1")
    assert [one.partition(": ")[0] for one in problems(wrong + entry("Y").replace('name = "Y"', ""))] == [
        "line 9, mail_servers[1].port",
        "line 18, mail_servers[2].timeout",
        "line 20, mail_servers[3].name",
        "line 35, mail_servers[4].tenant",
        "line 36, mail_servers[5].name",
    ]
    assert problems(NEWS + entry("Main") + SHOP)[0].startswith("line 9, mail_servers[1].for_domains: The first")
    unknown = problems(entry("Main") + NEWS)
    assert unknown == ["line 18, mail_servers[2].for_applications: There is no application Shop."]
    assert used(state) == ["Main"]


def test_all_servers_in_use_are_exported(apply: Apply, state: AppState) -> None:
    apply(entry("Main") + entry("Spare") + NEWS + SHOP)
    with state.database.read() as session:
        exported = export.export(session)
    assert 'for_applications = ["Shop"]' in exported
    secrets = {f"MAIL_SERVER_{name}_PASSWORD": "a file's secret" for name in ("1_MAIN", "2_SPARE", "3_NEWS")}
    apply(exported, **secrets, APPLICATION_1_SHOP_SECRET="x" * 32)
    assert used(state) == ["Main", "Spare", "News"]
