"""Choosing a language in the profile and at the foot of the sign-in page, in a real browser."""

from tests.browser.serving import Site
from tests.browser.walker import Walker

PASSWORD = "the first long sentence 7"


def test_a_language_is_chosen_in_the_profile_and_before_signing_in(walker: Walker, site: Site) -> None:
    walker.open(site.setup_url)
    walker.fill(email="ada@mailroom.example", name="Ada", password=PASSWORD, password_confirm=PASSWORD, public_url="")
    walker.press("Create and sign in")
    walker.open(f"{site.url}/profile")
    walker.fill(language="ar")
    walker.press("Change language")
    assert language_of(walker) == ("ar", "rtl")
    for path in ("/", "/users", "/settings/mail", "/outbox"):
        walker.open(f"{site.url}{path}")
        assert language_of(walker) == ("ar", "rtl")
    stranger = walker.another()
    stranger.open(f"{site.url}/login")
    assert language_of(stranger) == ("en", "ltr")
    stranger.press("العربية")
    assert language_of(stranger) == ("ar", "rtl")
    stranger.open(f"{site.url}/forgot-password")
    assert language_of(stranger) == ("ar", "rtl")
    assert walker.complaints + stranger.complaints == []


def language_of(walker: Walker) -> tuple[str | None, str | None]:
    """Return the language of the open page and its direction."""
    html = walker.page.locator("html")
    return html.get_attribute("lang"), html.get_attribute("dir")
