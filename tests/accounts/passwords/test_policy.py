"""What a new password has to be like."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.accounts.conftest import NEW_PASSWORD
from tests.support.browser import Browser
from webapp.accounts.models import LinkPurpose, User
from webapp.accounts.passwords.policy import PasswordPolicy, PasswordRejected, words
from webapp.core.database import Database
from webapp.settings import service as settings
from webapp.settings.service import SecurityPolicy

ADA = "ada@example.com"
USUAL = PasswordPolicy(SecurityPolicy(), "Mailroom")


def rules(**wanted: Any) -> PasswordPolicy:
    """The usual rules but for these."""
    return PasswordPolicy(replace(SecurityPolicy(), **wanted), "Mailroom")


def refusal(password: str) -> str:
    """Why the usual rules refuse a password; empty when they do not."""
    try:
        USUAL.check(password, ADA)
    except PasswordRejected as refused:
        return str(refused)
    return ""


@pytest.mark.parametrize(
    "password", ["kxvqpwzj", "pässwörterbuch", "🐘🦒🐘🦓🐘🦛🐘🦏", "correct horse battery staple", NEW_PASSWORD]
)
def test_at_first_only_length_counts_and_what_is_guessed_first(password: str) -> None:
    assert refusal(password) == ""


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("kxvqpwz", "at least 8 characters"),
        ("kxvqpwz\n", "at least 8 characters"),
        ("ö" * 7, "at least 8 characters"),
        ("kxvqpwzj" * 33, "at most 256 characters"),
        ("ada@example.com", "other than your e-mail address"),
        ("ADA@Example.COM", "other than your e-mail address"),
    ],
)
def test_a_password_that_breaks_a_rule_is_refused_in_words(password: str, reason: str) -> None:
    with pytest.raises(PasswordRejected, match=reason):
        USUAL.check(password, ADA)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("password", "one of the ten most common"),
        ("ｐａｓｓｗｏｒｄ", "one of the ten most common"),
        ("P@ssw0rd", "close to a very common password"),
        ("qwertyuiop", "very common|hundred most common"),
        ("aaaaaaaaaaaa", "Repeated characters"),
        ("12345678" * 30, "Repetitions"),
        ("mailroom2026", "belong to you or to this site"),
        ("lovelace7", "belong to you or to this site"),
    ],
)
def test_a_password_that_is_guessed_soon_is_refused_unless_that_is_allowed(password: str, reason: str) -> None:
    with pytest.raises(PasswordRejected, match=reason):
        USUAL.check(password, ADA, "Ada Lovelace")
    rules(password_reject_common=False).check(password, ADA, "Ada Lovelace")


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
def test_characters_of_a_kind_can_be_required(kind: str, password: str, better: str, rule: str) -> None:
    required = rules(**{kind: 2})
    assert rule in required.in_words()
    required.check(better, ADA)
    with pytest.raises(PasswordRejected, match=rule):
        required.check(password, ADA)


def test_all_that_is_missing_is_told_at_once() -> None:
    with pytest.raises(PasswordRejected) as refused:
        rules(password_min_length=12, password_min_uppercase=1, password_min_digits=2).check("kxvqpwzj", ADA)
    told = "Too short: use at least 12 characters. Use at least 1 uppercase letter. Use at least 2 digits."
    assert str(refused.value) == told


@pytest.mark.parametrize("password", ["mailroom2026", "AcmePost1!", "people.example", "AdaLovelace1"])
def test_what_a_site_and_a_person_are_called_is_guessed_soon(password: str) -> None:
    with pytest.raises(PasswordRejected, match="belong to you or to this site"):
        PasswordPolicy(SecurityPolicy(), "Acme Post").check(password, "ada@people.example", "Ada Lovelace")


def test_words_are_taken_from_names_and_addresses() -> None:
    assert words("ada.b@example.com") == ["ada.b@example.com", "ada.b", "example.com", "ada", "example", "com"]
    assert words("Acme Post", "Mailroom") == ["Acme Post", "AcmePost", "Acme", "Post", "Mailroom"]
    assert len(words(" ".join(f"word{number}" for number in range(1000)))) == 50


def test_the_rules_saved_last_hold_where_a_password_is_chosen(
    stranger: Browser, database: Database, pat: User, new_link: Callable[..., str]
) -> None:
    page = stranger.get(f"/activate/{new_link(pat, LinkPurpose.ACTIVATION)}")
    with database.transaction() as session:
        settings.save_security(session, replace(SecurityPolicy(), password_min_digits=3))
    refused = stranger.submit_on(page, password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
    assert refused.text.count("Use at least 3 digits.") == 2
    taken = stranger.submit_on(refused, password=f"{NEW_PASSWORD} 23", password_confirm=f"{NEW_PASSWORD} 23")
    assert taken.request.path == "/"


def test_the_rules_hold_in_the_profile_too(member: Browser, database: Database) -> None:
    assert "Use at least 8 characters." in member.get("/profile").text
    common = {"password": "password1", "password_confirm": "password1"}
    refused = member.submit("/profile", current_password="a quite long sentence 7", **common)
    assert "This password is easy to guess." in refused.text
