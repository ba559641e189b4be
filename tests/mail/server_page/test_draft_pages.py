"""A draft on the mail server page: made beside the server in use, authorized, and then used or discarded."""

import re

import pytest

from tests.mail.page import PAGE, custom, dialog, draft_page, error_at, password, saved, shown
from tests.mail.server_page.authorization import START, authorize, oauth_form, return_with
from tests.support.authorization import AuthorizationServer
from tests.support.browser import Browser
from tests.support.certificates import Authority
from tests.support.html import forms_of
from tests.support.token_inbox import running_token_inbox
from webapp.core.app_state import AppState
from webapp.mail import servers

pytestmark = pytest.mark.one_database
IS_DRAFT = "The settings below are a draft"
USE = ">Use this server</button>"


@pytest.fixture
def working(administrator: Browser) -> Browser:
    """An administrator with a mail server that works."""
    administrator.submit(PAGE, "save", **custom())
    return administrator


def test_going_to_the_provider_leaves_the_server_in_use_alone(
    working: Browser, provider: AuthorizationServer, state: AppState
) -> None:
    working.post(START, follow=False, **oauth_form(provider, host="smtp.draft.example"))
    assert (saved(state).host, password(state)) == ("smtp.example.org", "first-password")
    page = working.get(PAGE)
    assert 'value="smtp.example.org"' in page.text
    assert f'href="{draft_page(state)}">Open the draft' in page.text
    page = working.get(draft_page(state))
    assert 'value="smtp.draft.example"' in page.text
    assert IS_DRAFT in page.text
    assert "Access token status: Not generated" in page.text


def test_a_draft_with_a_token_is_put_to_use_with_one_button(
    working: Browser, provider: AuthorizationServer, state: AppState
) -> None:
    page = return_with(working, authorize(working, provider, host="smtp.draft.example"))
    assert USE in page.text
    assert saved(state).host == "smtp.example.org"
    page = working.submit_on(page, "save")
    assert "Saved and in use." in page.text
    assert "Access token status: Generated" in page.text
    assert IS_DRAFT not in page.text
    assert (saved(state).host, shown(state).id) == ("smtp.draft.example", saved(state).id)


def test_the_first_mail_server_is_used_as_soon_as_it_has_a_token(
    administrator: Browser, provider: AuthorizationServer
) -> None:
    page = administrator.submit(PAGE, "save", **oauth_form(provider))
    assert "Saved. It will be used once the access token is generated." in page.text
    assert "is used as soon as it has an access token." in page.text
    query = authorize(administrator, provider)
    page = return_with(administrator, query)
    assert ">First<" in page.text
    assert IS_DRAFT not in page.text


def test_another_token_for_a_draft_does_not_put_it_to_use(
    working: Browser, provider: AuthorizationServer, state: AppState
) -> None:
    return_with(working, authorize(working, provider))
    working.post(f"{START}?server={shown(state).id}", follow=False, **oauth_form(provider, timeout="20"))
    assert (shown(state).is_draft, shown(state).timeout) == (True, 20)


def test_a_new_server_is_a_draft_until_it_is_used_with_its_token(
    working: Browser, provider: AuthorizationServer, state: AppState
) -> None:
    page = working.get(f"{PAGE}/new")
    [action] = re.findall(r'formaction="([^"]*)"', page.text)
    answer = working.post(action, follow=False, **oauth_form(provider, host="smtp.draft.example"))
    page = return_with(working, provider.visit(answer.location))
    assert IS_DRAFT in page.text
    assert saved(state).host == "smtp.example.org"
    working.submit_on(page, "save")
    with state.database.read() as session:
        assert [one.host for one in servers.in_order(session)] == ["smtp.example.org", "smtp.draft.example"]


def test_a_test_of_the_draft_uses_its_token_and_offers_to_use_it(
    working: Browser, provider: AuthorizationServer, authority: Authority
) -> None:
    with running_token_inbox(authority, provider) as inbox:
        page = return_with(working, authorize(working, provider, host=inbox.host, port=inbox.port))
        page = working.submit_on(page, "test", test_recipient="eve@people.example")
        assert inbox.last.username == provider.account
    assert USE in dialog(page)


def test_what_a_test_shows_to_work_but_has_no_token_yet_is_only_saved(
    working: Browser, provider: AuthorizationServer, authority: Authority
) -> None:
    with running_token_inbox(authority, provider) as inbox:
        fields = oauth_form(provider, host=inbox.host, port=inbox.port, authentication="client_credentials")
        page = working.submit(PAGE, "test", test_recipient="eve@people.example", **fields)
        assert inbox.messages
    assert ">Save</button>" in dialog(page)


def test_what_needs_no_person_for_its_token_is_used_once_it_has_passed(
    working: Browser, provider: AuthorizationServer, authority: Authority, state: AppState
) -> None:
    with running_token_inbox(authority, provider) as inbox:
        fields = oauth_form(provider, host=inbox.host, port=inbox.port, authentication="client_credentials")
        page = working.submit(PAGE, "test_and_use", test_recipient="eve@people.example", **fields)
    assert "Saved and in use." in page.text
    assert (saved(state).authentication, shown(state).id) == ("client_credentials", saved(state).id)


def test_a_draft_is_discarded_with_its_own_form(
    working: Browser, provider: AuthorizationServer, state: AppState
) -> None:
    authorize(working, provider)
    page = working.get(draft_page(state))
    assert "The draft was discarded." in working.submit_on(page, "discard").text
    assert shown(state).id == saved(state).id
    assert working.submit_on(page, "discard").status_code == 404


def test_other_settings_on_the_page_of_a_draft_are_used(
    working: Browser, provider: AuthorizationServer, state: AppState
) -> None:
    return_with(working, authorize(working, provider))
    page = working.submit(draft_page(state), "save", **custom(host="smtp.other.example"))
    assert "Saved. The access token was discarded" in page.text
    assert IS_DRAFT not in page.text


def test_a_draft_whose_plugin_is_missing_does_not_say_that_email_stopped(
    working: Browser, provider: AuthorizationServer, state: AppState
) -> None:
    authorize(working, provider)
    with state.database.transaction() as session:
        session.merge(shown(state)).provider = "gone"
    page = working.get(draft_page(state))
    assert "No email can be sent" not in page.text
    assert "The plugin for the draft's provider “gone” is missing." in page.text.replace("&#39;", "'")


def test_the_provider_in_use_shows_its_saved_values_beside_a_draft(working: Browser, state: AppState) -> None:
    fields = {"host": "smtp.gmail.com", "authentication": "authorization_code", "username": "a@gmail.com"}
    draft = custom(provider="google", shown_provider="google", client_id="a", client_secret="the secret", **fields)
    working.submit(PAGE, "save", **draft)
    assert shown(state).is_draft
    page = working.submit(draft_page(state), "choose", provider="custom")
    [values] = [dict(form.values) for form in forms_of(page.text) if "host" in form.names]
    assert (values["host"], values["port"], values["username"]) == ("smtp.example.org", "2525", "mailroom")
    assert values["password"] == ""
    assert error_at(working.submit_on(page, "save"), "password") == "Enter a value for “Password”."
