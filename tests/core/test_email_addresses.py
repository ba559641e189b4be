"""Validating email addresses, and comparing them."""

import idna
import pytest
from email_validator import validate_email
from hypothesis import assume, given
from hypothesis import strategies as st

from webapp.core.email_addresses import MAX_EMAIL_LENGTH, InvalidEmailAddress, comparison_key, validate


@pytest.mark.parametrize(
    ("entered", "normalised"),
    [
        ("ada@example.com", "ada@example.com"),
        (" Ada.Lovelace+mail@EXAMPLE.com ", "Ada.Lovelace+mail@example.com"),
        ("élodie@bücher.example", "élodie@bücher.example"),
        ("e\u0301lodie@example.com", "élodie@example.com"),
        ("用户@例子.广告", "用户@例子.广告"),
        ("root@mail.corp.local", "root@mail.corp.local"),
        ("person@company.test", "person@company.test"),
        ("\tada@example.com\u00a0", "ada@example.com"),
        ("\ufeffada@example.com\u200b\u2060", "ada@example.com"),
        ("ada＠example．com", "ada@example.com"),
        ("ada\ufe6bexample.com", "ada@example.com"),
    ],
)
def test_an_address_is_normalised(entered: str, normalised: str) -> None:
    assert validate(entered) == normalised


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ada", "Enter an email address"),
        ("ada@", "Enter an email address"),
        ("ada@localhost", "Enter an email address"),
        ("ada@exam ple.com", "Enter an email address"),
        ("ada@example.com\r\nBcc: eve@example.com", "invisible character"),
        ("ada@example.com\nx", "invisible character"),
        ("ada\0@example.com", "invisible character"),
        ("ada\u200b@example.com", r"\(U\+200B ZERO WIDTH SPACE\)"),
        ("ada@exa\u00a0mple.com", r"\(U\+00A0 NO-BREAK SPACE\)"),
        ("=?utf-8?q?=0d=0aBcc=3aeve=40example=2ecom=0d=0aX=3a?=@example.com", "Enter an email address"),
        ("ada@example.com, eve@example.com", "only one address"),
        ("ada@example.com;eve@example.com", "only one address"),
        ("Ada <ada@example.com>", "without a name"),
        ("a" * 65 + "@example.com", "Enter an email address"),
        ("a" * 1_000_000 + "@example.com", "too long"),
        ("a@" + "a" * 1_000_000, "too long"),
    ],
)
def test_a_text_that_is_not_one_address_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidEmailAddress, match=reason):
        validate(text)


def test_an_address_whose_comparison_key_is_too_long_is_refused() -> None:
    address = "ΐ" * 32 + "@" + "b" * 60 + "." + "c" * 60 + "." + "d" * 40 + ".example"
    assert len(address.encode()) < MAX_EMAIL_LENGTH < len(comparison_key(address))
    with pytest.raises(InvalidEmailAddress, match="too long"):
        validate(address)


@pytest.mark.parametrize(
    "other",
    [
        "ada@BÜCHER.example",
        "ADA@bücher.example",
        "ada@xn--bcher-kva.example",
        " ada@bu\u0308cher.example ",
        "ada＠bücher.example\u200b",
    ],
)
def test_spellings_of_one_address_have_the_same_comparison_key(other: str) -> None:
    assert comparison_key(other) == comparison_key("ada@bücher.example")


@pytest.mark.parametrize("text", ["", "ada", "@", "ada@", "ada@..", "a@" + "\u0300" * 70])
def test_any_text_has_a_comparison_key(text: str) -> None:
    assert isinstance(comparison_key(text), str)


LABEL = st.from_regex(r"[a-z0-9]{1,6}(-[a-z0-9]{1,6})?", fullmatch=True)
ORDINARY = st.builds(
    "{}@{}.{}".format,
    st.from_regex(r"[a-z0-9_]{1,6}([.+-][a-z0-9_]{1,6}){0,2}", fullmatch=True),
    st.lists(LABEL, min_size=1, max_size=4).map(".".join),
    st.from_regex(r"[a-z]{2,9}", fullmatch=True),
)


@given(ORDINARY)
def test_what_ordinary_addresses_are_spared_would_change_nothing(email: str) -> None:
    assume(len(email) < 64)
    assert (validate(email), comparison_key(email)) == (email, email)
    assert validate_email(email, check_deliverability=False, strict=True).normalized == email
    assert idna.encode(email.partition("@")[2], uts46=True).decode() == email.partition("@")[2]
