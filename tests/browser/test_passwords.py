"""Choosing a password in a browser: the rules that stand there, advice while one types, and a new one when it is due."""

from tests.browser.serving import Site
from tests.browser.walker import Walker

EMAIL, PASSWORD = "ada@mailroom.example", "the first long sentence 7"


def test_advice_comes_while_one_types_and_rules_stand_there_without_it(walker: Walker, site: Site) -> None:
    person = walker.another()
    become_administrator(walker, site)
    make_rules(walker, site)
    person.open(link_for_somebody(walker, site))
    assert person.sees("At least 2 digits.")
    if person.scripts:
        follow_the_advice(person)
    person.fill(password="zoltanovich1", password_confirm="zoltanovich1")
    person.press("Activate and sign in")
    assert person.page.locator(".error").inner_text() == "At least 2 digits."
    person.fill(password="zoltan and 49 pears", password_confirm="zoltan and 49 pears")
    person.press("Activate and sign in")
    assert person.sees("Your account is active")
    assert walker.complaints + person.complaints == []


def become_administrator(walker: Walker, site: Site) -> None:
    walker.open(site.setup_url)
    walker.fill(email=EMAIL, name="Ada Lovelace", password="Lovelace1", password_confirm="Lovelace1")
    walker.press("Create and sign in")
    assert walker.sees("belong to you")
    walker.fill(password=PASSWORD, password_confirm=PASSWORD)
    walker.press("Create and sign in")


def make_rules(walker: Walker, site: Site) -> None:
    walker.open(f"{site.url}/settings/security")
    walker.fill(password_digits="2", reset="45")
    walker.press("Save")
    assert walker.sees("Saved.")


def link_for_somebody(walker: Walker, site: Site) -> str:
    walker.open(f"{site.url}/users/new", looks=False)
    walker.fill(email="zoe@people.example", name="Zoe Zoltanovich", send_activation="show")
    walker.press("Create", looks=False)
    return walker.page.locator("#link").input_value()


def follow_the_advice(person: Walker) -> None:
    """What is said follows what is typed, and moves nothing below it."""
    advice, below = person.page.locator("[data-advice]"), person.page.locator('[name="password_confirm"]')
    before = below.bounding_box()
    person.page.locator('[name="password"]').press_sequentially("aaaaaaaa11")
    advice.get_by_text("Repeated characters").wait_for()
    assert below.bounding_box() == before
    person.look()
    person.fill(password="zoltan and 49 pears")
    advice.get_by_text("A very good password.").wait_for()
    person.fill(password="")
    assert advice.inner_text() == ""
