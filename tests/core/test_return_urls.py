"""URLs of applications to which people are led back."""

import pytest

from webapp.core import return_urls
from webapp.core.return_urls import InvalidReturnUrl

ALLOWED = ["https://app.example", "https://portal.example:8443/team", "http://localhost:5000"]


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example",
        "HTTPS://APP.EXAMPLE:443/welcome?invite=1&next=https://evil.example#/start",
        "https://portal.example:8443/team",
        "https://portal.example:8443/team/a%20b?x",
        "http://localhost:5000/",
    ],
)
def test_a_url_below_a_prefix_is_allowed(url: str) -> None:
    assert return_urls.is_allowed(return_urls.parse(url), ALLOWED)


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example.evil.com/",
        "https://evil-app.example/",
        "https://app.example:8443/",
        "http://localhost:5001/",
        "http://127.0.0.1:5000/",
        "https://portal.example:8443/teams",
        "https://portal.example:8443/",
        "https://portal.example:8443//team",
        "https://portal.example:8443/TEAM",
        "https://xn--pp-eka.example/",
    ],
)
def test_a_url_that_only_looks_alike_is_not_allowed(url: str) -> None:
    assert not return_urls.is_allowed(return_urls.parse(url), ALLOWED)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "app.example",
        "//app.example/",
        "/welcome",
        "javascript:alert(1)//https://app.example",
        "data:text/html,x",
        "http://app.example/",
        "http://127.0.0.1.evil.com/",
        "https:app.example",
        "https:/app.example",
        "https:///app.example",
        "https://",
        "https://app.example@evil.com/",
        "https://app.example:pass@evil.com/",
        "https://app.example%40evil.com/",
        "https://evil.com\\@app.example/",
        "https://app.example\\.evil.com/",
        "https://app.example:99999/",
        "https://app.example:0/",
        "https://app.example:/",
        "https://app.example./",
        "https://\u00e4pp.example/",
        "https://app\uff0eexample/",
        "https://app.ex\u0430mple/",
        "https://app.example/\r\nLocation: https://evil.com",
        "https://app.example/\t",
        "https://app.example/\n",
        "https://app.example/\x00",
        "https://app.example/a b",
        " https://app.example/",
        'https://app.example/"><script>',
        "https://app.example/%",
        "https://app.example/team/../admin",
        "https://app.example/team/%2E%2e/admin",
        "https://app.example/team/.%2e;x=1/admin",
        "https://app.example/team/..;/admin",
        "https://app.example/team/.",
        "https://app.example/team%2f..%2fadmin",
        "https://app.example/team%5c..%5cadmin",
        "https://app.example/" + "a" * return_urls.MAX_LENGTH,
    ],
)
def test_a_url_that_could_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(InvalidReturnUrl):
        return_urls.parse(url)


def test_a_prefix_is_stored_in_one_spelling() -> None:
    assert return_urls.parse_prefix("HTTPS://App.Example:443/team/") == "https://app.example/team"
    for more in ("?x", "#x"):
        with pytest.raises(InvalidReturnUrl):
            return_urls.parse_prefix(f"https://app.example/{more}")
