"""The General page."""

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from tests.support.browser import Browser
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.outbox import service as outbox
from webapp.outbox.models import Message
from webapp.settings import service
from webapp.settings.forms import is_plain_http, normalise_public_url

PAGE = "/settings/general"
GOOD: dict[str, Any] = {
    "public_url": "https://post.example",
    "product_name": "Post",
    "support_address": "help@post.example",
}


def saved(state: AppState) -> service.General:
    with state.database.read() as session:
        return service.general(session, state.config)


def test_an_administrator_saves_all_three(administrator: Browser, state: AppState) -> None:
    page = administrator.submit(PAGE, **GOOD)
    assert "Saved." in page.text
    assert saved(state) == service.General("https://post.example", "Post", "help@post.example")


@pytest.mark.one_database
def test_a_new_product_name_appears_on_every_page_immediately(administrator: Browser, stranger: Browser) -> None:
    administrator.submit(PAGE, product_name="<Ünïted> Post")
    assert "&lt;Ünïted&gt; Post" in stranger.get("/login").text


@pytest.mark.one_database
def test_the_settings_url_redirects_to_the_first_tab(administrator: Browser) -> None:
    page = administrator.get("/settings")
    assert page.request.path == PAGE
    assert 'aria-current="page">General' in page.text


def test_saving_makes_waiting_messages_due(administrator: Browser, state: AppState) -> None:
    with state.database.transaction() as session:
        later = clock.now() + timedelta(hours=1)
        message_id = outbox.enqueue(session, "test", "max@mailroom.example", not_before=later)
    administrator.submit(PAGE, **GOOD)
    with state.database.read() as session:
        assert session.get_one(Message, message_id).next_attempt_at <= clock.now()


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("field", "entered", "message"),
    [
        ("public_url", "", "Enter the public URL."),
        ("public_url", "mail.example.com", "Enter https://"),
        ("product_name", "  ", "Enter a product name."),
        ("product_name", "x" * 61, "Too long: use at most 60 characters."),
        ("support_address", "help@", None),
    ],
)
def test_an_invalid_value_comes_back_with_its_error(
    administrator: Browser, state: AppState, field: str, entered: str, message: str | None
) -> None:
    before = saved(state)
    page = administrator.submit(PAGE, **GOOD | {field: entered})
    error = re.search(rf'id="{field}-error">([^<]+)<', page.text)
    assert error, "no error beside the field"
    assert message is None or message in error[1]
    assert f'value="{GOOD["support_address" if field != "support_address" else "product_name"]}"' in page.text
    assert saved(state) == before


@pytest.mark.one_database
def test_a_plain_http_url_is_saved_with_a_warning(administrator: Browser) -> None:
    page = administrator.submit(PAGE, **GOOD | {"public_url": "http://post.example"})
    assert "anyone on the network can read links" in page.text


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://localhost", True),
        ("https://mailroom.localhost", True),
        ("http://[::1]:8000", True),
        ("http://0.0.0.0:8000", True),
        ("https://post.example", False),
        ("http://192.0.2.1", False),
    ],
)
def test_a_url_of_this_machine_is_saved_with_a_warning(
    url: str, warned: bool, administrator: Browser, state: AppState
) -> None:
    page = administrator.submit(PAGE, **GOOD | {"public_url": url})
    assert saved(state).public_url == url
    assert ("only works on this machine" in page.text) is warned


@pytest.mark.one_database
def test_the_warning_is_about_the_url_that_is_shown(administrator: Browser) -> None:
    administrator.submit(PAGE, **GOOD | {"public_url": "http://localhost"})
    page = administrator.submit(PAGE, public_url="mail.example.com").text
    assert "Enter https:// followed by the host name" in page
    assert "only works on this machine" not in page
    page = administrator.submit(PAGE, public_url="http://post.example", product_name="").text
    assert "anyone on the network can read links" in page
    assert "only works on this machine" not in page


@pytest.mark.one_database
@pytest.mark.parametrize("junk", ["\t", "\u00a0", "\u200b", "\ufeff"], ids=ascii)
def test_blanks_around_a_url_are_trimmed_and_inside_are_named(
    junk: str, administrator: Browser, state: AppState
) -> None:
    administrator.submit(PAGE, **GOOD | {"public_url": f"{junk}https://post.example{junk}"})
    assert saved(state).public_url == "https://post.example"
    page = administrator.submit(PAGE, **GOOD | {"public_url": f"https://po{junk}st.example"})
    assert f"U+{ord(junk):04X}" in page.text


@pytest.mark.one_database
class TestFixedByTheEnvironment:
    """MAILROOM_PUBLIC_URL is set."""

    @pytest.fixture
    def config_values(self) -> dict[str, Any]:
        return {"public_url": "https://fixed.example/"}

    def test_the_page_shows_the_url_and_where_it_is_set(self, administrator: Browser) -> None:
        page = administrator.get(PAGE).text
        assert "https://fixed.example" in page
        assert "MAILROOM_PUBLIC_URL" in page
        assert 'name="public_url"' not in page

    def test_a_posted_url_changes_nothing(self, administrator: Browser, app: Flask, state: AppState) -> None:
        administrator.post(PAGE, **GOOD)
        assert saved(state) == service.General("https://fixed.example", "Post", "help@post.example")


@pytest.mark.one_database
def test_every_page_says_that_not_everyone_gets_email(
    administrator: Browser, member: Browser, stranger: Browser, state: AppState
) -> None:
    page = administrator.submit(PAGE, send_to="domains", send_to_domains="Example.com *.bücher.example")
    assert saved(state).send_to_domains == "example.com, *.xn--bcher-kva.example"
    visited = [page, administrator.get("/nothing"), member.get("/"), stranger.get("/login"), stranger.get("/nothing")]
    for one in visited:
        assert "Only addresses at <bdi" in one.text
    administrator.submit(PAGE, send_to="nobody")
    assert "Nobody gets email." in stranger.get("/forgot-password").text
    administrator.submit(PAGE, send_to="everyone")
    assert "get email." not in stranger.get("/login").text


@pytest.mark.one_database
@pytest.mark.parametrize(
    "entered", ["", "example.com, no!", " ".join(f"{number:x}" for number in range(0x200))], ids=["", "no!", "long"]
)
def test_domains_that_get_email_have_to_be_some(entered: str, administrator: Browser, state: AppState) -> None:
    page = administrator.submit(PAGE, send_to="domains", send_to_domains=entered)
    assert 'id="send_to_domains-error"' in page.text
    assert f'value="{entered}"' in page.text
    assert saved(state).send_to == "everyone"


@pytest.mark.one_database
class TestRestrictedByTheEnvironment:
    """MAILROOM_SEND_ONLY_TO is set."""

    @pytest.fixture
    def config_values(self) -> dict[str, Any]:
        return {"send_only_to": "Example.com,*.example.org"}

    def test_nobody_can_change_who_gets_email(self, administrator: Browser, state: AppState) -> None:
        page = administrator.post(PAGE, **GOOD, send_to="everyone", send_to_domains="").text
        assert saved(state).only_domains == ["example.com", "*.example.org"]
        page = administrator.get(PAGE).text
        assert "MAILROOM_SEND_ONLY_TO" in page
        assert 'name="send_to"' not in page


@pytest.mark.parametrize(
    ("entered", "normalised"),
    [
        (" HTTPS://Post.Example/ ", "https://post.example"),
        ("https://post.example:443", "https://post.example"),
        ("http://localhost:5000", "http://localhost:5000"),
        ("https://post.example:8443/", "https://post.example:8443"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("http://192.0.2.1", "http://192.0.2.1"),
    ],
)
def test_a_public_url_is_normalised(entered: str, normalised: str) -> None:
    assert normalise_public_url(entered) == normalised


@pytest.mark.one_database
@pytest.mark.parametrize(
    "typed",
    [
        "ftp://post.example",
        "javascript:alert(1)",
        "//post.example",
        "https://",
        "https://post.example?x=1",
        "https://post.example#x",
        "https://post.example?",
        "https://ada:secret@post.example",
        "https://post.example:0",
        "https://post.example:65536",
        "https://post.example:x",
        "https://post_office.example",
        "https://-post.example",
        "https://po st.example",
        "https://[::1",
        "https://post..example",
        "https://post.example\\@evil.example",
        "https://" + "x" * 64 + ".example",
    ],
)
def test_a_text_that_is_not_a_public_url_is_refused(shared_app: Flask, typed: str) -> None:
    with shared_app.test_request_context(), pytest.raises(ValueError, match=r"\w"):
        normalise_public_url(typed)


@pytest.mark.parametrize(
    ("url", "unprotected"),
    [
        ("https://post.example", False),
        ("http://post.example", True),
        ("http://localhost:5000", False),
        ("http://127.0.0.1", False),
        ("http://[::1]:8000", False),
        ("", False),
    ],
)
def test_only_plain_http_beyond_this_machine_is_unprotected(url: str, unprotected: bool) -> None:
    assert is_plain_http(url) is unprotected
