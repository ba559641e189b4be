"""The password policy."""

from dataclasses import replace
from typing import Any

import pytest

from tests.accounts.conftest import NEW_PASSWORD, NewLink
from tests.support.browser import Browser
from webapp.accounts.models import LinkPurpose, User
from webapp.accounts.passwords.policy import PasswordPolicy, PasswordRejected, words
from webapp.core.database import Database
from webapp.settings import service as settings
from webapp.settings.service import SecurityPolicy

ADA = "ada@example.com"
DEFAULT = PasswordPolicy(SecurityPolicy(), "Mailroom")


def policy(**wanted: Any) -> PasswordPolicy:
    """Return the default policy with these changes."""
    return PasswordPolicy(replace(SecurityPolicy(), **wanted), "Mailroom")


def refusal(password: str) -> str:
    """Return why the default policy rejects a password; empty if it does not."""
    try:
        DEFAULT.check(password, ADA)
    except PasswordRejected as refused:
        return str(refused)
    return ""


@pytest.mark.parametrize(
    "password", ["kxvqpwzj", "pässwörterbuch", "🐘🦒🐘🦓🐘🦛🐘🦏", "correct horse battery staple", NEW_PASSWORD]
)
def test_by_default_a_password_has_to_be_long_enough_and_hard_to_guess(password: str) -> None:
    assert refusal(password) == ""


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("kxvqpwz", "at least 8 characters"),
        ("kxvqpwz\n", "at least 8 characters"),
        ("ö" * 7, "at least 8 characters"),
        ("kxvqpwzj" * 33, "at most 256 characters"),
        ("ada@example.com", "Don't use your email address"),
        ("ADA@Example.COM", "Don't use your email address"),
    ],
)
def test_a_rejection_names_the_broken_rule(password: str, reason: str) -> None:
    with pytest.raises(PasswordRejected, match=reason):
        DEFAULT.check(password, ADA)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("password", "one of the ten most common"),
        ("ｐａｓｓｗｏｒｄ", "one of the ten most common"),
        ("P@ssw0rd", "similar to a very common password"),
        ("qwertyuiop", "very common|hundred most common"),
        ("aaaaaaaaaaaa", "[Rr]epeated characters"),
        ("12345678" * 30, "[Rr]epe"),
        ("mailroom2026", "related to you or this site"),
        ("lovelace7", "related to you or this site"),
    ],
)
def test_an_easily_guessed_password_is_rejected_unless_that_is_switched_off(password: str, reason: str) -> None:
    with pytest.raises(PasswordRejected, match=reason):
        DEFAULT.check(password, ADA, "Ada Lovelace")
    policy(password_reject_common=False).check(password, ADA, "Ada Lovelace")


@pytest.mark.parametrize(
    ("password", "text", "good"),
    [
        ("kxv", "Too short: use at least 8 characters.", False),
        ("password", "This password is easy to guess.", False),
        ("lovelace 1 2", "This password is acceptable, but not hard to guess.", False),
        ("a quite long sentence 7", "This password is hard to guess.", True),
    ],
)
def test_feedback_says_what_would_make_a_password_better(password: str, text: str, good: bool) -> None:
    found = DEFAULT.feedback(password, ADA, "Ada Lovelace")
    assert (found.text.startswith(text), found.good) == (True, good)


@pytest.mark.parametrize(
    ("kind", "password", "better", "rule"),
    [
        ("password_min_uppercase", "kxvQpwzj", "kxvQpwÖj", "Use at least 2 uppercase letters."),
        ("password_min_lowercase", "KXVQPWZj", "KXVQPWßj", "Use at least 2 lowercase letters."),
        ("password_min_digits", "kxvqpwz1", "kxvqpw٣1", "Use at least 2 digits."),
        (
            "password_min_special",
            "kxvqpwz!",
            "kxv pwz!",
            "Use at least 2 characters that are neither letters nor digits.",
        ),
    ],
)
def test_characters_of_one_kind_can_be_required(kind: str, password: str, better: str, rule: str) -> None:
    required = policy(**{kind: 2})
    assert rule in required.describe()
    required.check(better, ADA)
    with pytest.raises(PasswordRejected, match=rule):
        required.check(password, ADA)


def test_a_rejection_names_all_broken_rules() -> None:
    with pytest.raises(PasswordRejected) as refused:
        policy(password_min_length=12, password_min_uppercase=1, password_min_digits=2).check("kxvqpwzj", ADA)
    told = "Too short: use at least 12 characters. Use at least 1 uppercase letter. Use at least 2 digits."
    assert str(refused.value) == told


@pytest.mark.parametrize("password", ["mailroom2026", "AcmePost1!", "people.example", "AdaLovelace1"])
def test_names_of_the_site_and_the_user_are_easily_guessed(password: str) -> None:
    with pytest.raises(PasswordRejected, match="related to you or this site"):
        PasswordPolicy(SecurityPolicy(), "Acme Post").check(password, "ada@people.example", "Ada Lovelace")


def test_names_and_addresses_are_split_into_words() -> None:
    assert words("ada.b@example.com") == ["ada.b@example.com", "ada.b", "example.com", "ada", "example", "com"]
    assert words("Acme Post", "Mailroom") == ["Acme Post", "AcmePost", "Acme", "Post", "Mailroom"]
    assert len(words(" ".join(f"word{number}" for number in range(1000)))) == 50


def test_an_open_page_applies_the_policy_saved_meanwhile(
    stranger: Browser, database: Database, pat: User, new_link: NewLink
) -> None:
    page = stranger.get(f"/activate/{new_link(pat, LinkPurpose.ACTIVATION)}")
    with database.transaction() as session:
        settings.save_security(session, replace(SecurityPolicy(), password_min_digits=3))
    refused = stranger.submit_on(page, password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
    assert refused.text.count("Use at least 3 digits.") == 2
    taken = stranger.submit_on(refused, password=f"{NEW_PASSWORD} 23", password_confirm=f"{NEW_PASSWORD} 23")
    assert taken.request.path == "/"


def test_the_policy_applies_in_the_profile(member: Browser, database: Database) -> None:
    assert "Use at least 8 characters." in member.get("/profile").text
    common = {"password": "password1", "password_confirm": "password1"}
    refused = member.submit("/profile", current_password="a quite long sentence 7", **common)
    assert "This password is easy to guess." in refused.text
