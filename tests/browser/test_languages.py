"""Choosing a language, in the profile and at the foot of the sign-in page."""

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
    assert spoken(walker) == ("ar", "rtl")
    for path in ("/", "/users", "/settings/mail", "/outbox"):
        walker.open(f"{site.url}{path}")
        assert spoken(walker) == ("ar", "rtl")
    stranger = walker.another()
    stranger.open(f"{site.url}/login")
    assert spoken(stranger) == ("en", "ltr")
    stranger.press("العربية")
    assert spoken(stranger) == ("ar", "rtl")
    stranger.open(f"{site.url}/forgot-password")
    assert spoken(stranger) == ("ar", "rtl")
    assert walker.complaints + stranger.complaints == []


def spoken(walker: Walker) -> tuple[str | None, str | None]:
    """The language of the page that is open, and its direction."""
    html = walker.page.locator("html")
    return html.get_attribute("lang"), html.get_attribute("dir")
