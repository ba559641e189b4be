"""What a new password has to be like."""

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from tests.support.browser import PASSWORD, Browser
from webapp import clock
from webapp.accounts import former, password_rules, passwords, setup
from webapp.accounts.models import Purpose, User
from webapp.accounts.password_rules import BadPassword, Rules
from webapp.context import Parts
from webapp.settings.security import Security, save

ADA = "ada@example.com"
LENGTH_ALONE = Security(password_common=False)
OTHER = "another long sentence 8"
THIRD = "some third sentence 9"


def set_rules(parts: Parts, **changes: Any) -> None:
    """Have an administrator change the rules."""
    with parts.database.writing() as session:
        save(session, replace(Security(), **changes))


@pytest.mark.parametrize("password", ["12345678", "        ", "pässwörd", "🐘🐘🐘🐘🐘🐘🐘🐘", "x" * 256])
def test_without_other_rules_length_is_all_that_counts(app: Flask, password: str) -> None:
    with app.test_request_context():
        Rules(LENGTH_ALONE, ADA).check(password)


@pytest.mark.parametrize(
    ("security", "password", "reason"),
    [
        (LENGTH_ALONE, "1234567", "at least 8"),
        (LENGTH_ALONE, "1234567\n", "at least 8"),
        (LENGTH_ALONE, "ö" * 7, "at least 8"),
        (LENGTH_ALONE, "x" * 257, "at most 256"),
        (LENGTH_ALONE, "ada@example.com", "other than your e-mail address"),
        (LENGTH_ALONE, "ADA@Example.COM", "other than your e-mail address"),
        (Security(password_length=30), PASSWORD, "at least 30"),
        (Security(password_upper=2), "One long sentence", "At least 2 capital letters"),
        (Security(password_lower=1), "ÖÄÜ ЖЩЫ 漢字 49", "At least 1 small letter"),
        (Security(password_digits=1), "one long sentence", "At least 1 digit"),
        (Security(password_special=3), "one long sentence", "At least 3 characters that are neither"),
        (Security(), "password1", "common password"),
        (Security(), "lovelace1815", "belong to you"),
        (Security(), "example.com", "belong to you"),
        (Security(), "AcmePost1", "belong to you"),
    ],
)
def test_a_password_that_breaks_a_rule_is_refused_in_words(
    app: Flask, security: Security, password: str, reason: str
) -> None:
    rules = Rules(security, names=("Acme Post",)).of(ADA, "Ada Lovelace")
    with app.test_request_context(), pytest.raises(BadPassword, match=reason):
        rules.check(password)


def test_rules_that_are_kept_refuse_nothing_and_are_told_as_sentences(app: Flask) -> None:
    rules = Rules(Security(password_upper=1, password_lower=2, password_digits=2, password_special=1))
    with app.test_request_context():
        rules.check("Äpfel und 49 Birnen")
        assert [sentence for sentence in rules.sentences() if "digits." in sentence] == ["At least 2 digits."]
        assert all(sentence.endswith(".") for sentence in rules.sentences())


@pytest.mark.one_database
@pytest.mark.parametrize("path", ["/activate", "/reset-password", "/setup", "/profile"])
def test_the_rules_hold_and_stand_wherever_a_password_is_chosen(
    path: str, app: Flask, parts: Parts, request: pytest.FixtureRequest
) -> None:
    set_rules(parts, password_length=12, password_digits=3)
    browser = at(path, app, request)
    page = browser.get(path)
    assert "At least 12 characters." in page.text
    more = {"current_password": PASSWORD} if path == "/profile" else {}
    more |= {"email": "root@example.com", "name": "Root"} if path == "/setup" else {}
    page = browser.submit(path, password="one long sentence", password_confirm="one long sentence", **more)
    assert 'class="error" id="password-error">At least 3 digits.' in page.text


def at(path: str, app: Flask, request: pytest.FixtureRequest) -> Browser:
    """Somebody who may open the page."""
    if path == "/profile":
        member: Browser = request.getfixturevalue("member")
        return member
    browser = Browser(app)
    if path == "/setup":
        with request.getfixturevalue("database").writing() as session:
            key = setup.new_setup_key(session)
        browser.get(f"/setup?key={key}")
    else:
        purpose = Purpose.ACTIVATION if path == "/activate" else Purpose.RESET
        person = request.getfixturevalue("pat" if path == "/activate" else "ada")
        browser.get(f"{path}/{request.getfixturevalue('new_link')(person, purpose)}")
    return browser


def give(parts: Parts, person: User, password: str) -> None:
    """Give the person a new password, as all services do."""
    with parts.database.writing() as session:
        present = session.get_one(User, person.id)
        former.remember(session, present)
        present.password_hash, present.password_changed_at = passwords.hashed(password), clock.now()


def barred(parts: Parts, person: User) -> list[str]:
    """Which of the tests' passwords the person may not have."""
    with parts.database.reading() as session:
        rules = password_rules.rules_after(session, parts.config, session.get_one(User, person.id))
    return [one for one in (PASSWORD, OTHER, THIRD) if any(passwords.fits(one, kept) for kept in rules.barred)]


def test_the_last_passwords_are_barred_as_many_as_the_settings_say(parts: Parts, ada: User) -> None:
    set_rules(parts, password_former=2)
    give(parts, ada, OTHER)
    assert barred(parts, ada) == [PASSWORD, OTHER]
    give(parts, ada, THIRD)
    assert barred(parts, ada) == [OTHER, THIRD]


def test_no_former_password_is_kept_unless_they_are_barred(parts: Parts, ada: User) -> None:
    set_rules(parts, password_former=2)
    give(parts, ada, OTHER)
    set_rules(parts)
    give(parts, ada, THIRD)
    set_rules(parts, password_former=24)
    assert barred(parts, ada) == [THIRD]
