"""A page has one path; all other ways to write it are not found."""

import pytest

from tests.support.browser import Browser

pytestmark = pytest.mark.one_database

OTHER_FORMS = [
    "//users",
    "///users",
    "/%2fusers",
    "/%2Fusers",
    "/.//users",
    "/./users",
    "/%2e/users",
    "/x/../users",
    "/x/%2e%2E/users",
    "/users/",
    "/users/.",
    "/users//",
    "/users/x/..",
    "/%75sers",
    "/user%73",
    "/u%53ers",
    "/USERS",
    "/users;x=1",
    "/users%3Bx=1",
    "/users%20",
    "/users%00",
    "/users%0a",
    "/users#x",
    "/us\ters",
    "/\\users",
    "/%5cusers",
    "\\users",
    "users",
    "x:users",
    "*",
    "http:/users",
    "http://localhost//users",
    "http://localhost/%75sers",
    "http://localhost\\users",
    "/us\xe9rs",
]


def test_another_form_of_a_path_is_not_found(administrator: Browser) -> None:
    for target in OTHER_FORMS:
        path = target.removeprefix("http://localhost").replace("%2f", "/").replace("%75", "u")
        answer = administrator.client.get("/users", environ_overrides={"REQUEST_URI": target, "PATH_INFO": path})
        assert (answer.status_code, "Page not found" in answer.text) == (404, True), target


@pytest.mark.parametrize("path", ["/users", "/settings/mail/oauth/callback?code=x"])
def test_another_form_of_a_path_is_not_found_by_strangers_either(stranger: Browser, path: str) -> None:
    assert stranger.client.get(path, environ_overrides={"REQUEST_URI": f"/{path}"}).status_code == 404


@pytest.mark.parametrize(
    "target", ["/users", "/users?q=//x/../%2f%75#", "http://localhost/users", "HTTPS://mailroom.example:8000/users?x"]
)
def test_the_path_itself_is_found_in_both_forms_of_http(administrator: Browser, target: str) -> None:
    assert administrator.client.get("/users", environ_overrides={"REQUEST_URI": target}).status_code == 200


def test_links_with_a_stray_character_keep_their_own_explanation(stranger: Browser) -> None:
    assert "Page not found" not in stranger.get("/reset-password/abc%3E").text


def test_another_form_of_a_number_is_not_found(administrator: Browser) -> None:
    assert administrator.client.get("/users/1").status_code == 200
    for number in ("01", "0001", "+1", "-1", "1_0", "1e3", "\u0661", "\uff11", "1\u0661", "null", "..%2f1"):
        assert administrator.client.get(f"/users/{number}").status_code == 404, number
