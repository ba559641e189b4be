"""What is one e-mail address, and which are the same."""

import pytest

from webapp.core.email_addresses import MAX_LENGTH, InvalidEmailAddress, comparison_key, validate


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("ada@example.com", "ada@example.com"),
        (" Ada.Lovelace+mail@EXAMPLE.com ", "Ada.Lovelace+mail@example.com"),
        ("élodie@bücher.example", "élodie@bücher.example"),
        ("e\u0301lodie@example.com", "élodie@example.com"),
        ("用户@例子.广告", "用户@例子.广告"),
        ("root@mail.corp.local", "root@mail.corp.local"),
        ("person@company.test", "person@company.test"),
    ],
)
def test_an_address_is_kept_as_it_is_written(typed: str, kept: str) -> None:
    assert validate(typed) == kept


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("ada", "Enter an email address"),
        ("ada@", "Enter an email address"),
        ("ada@localhost", "Enter an email address"),
        ("ada@exam ple.com", "Enter an email address"),
        ("ada@example.com\r\nBcc: eve@example.com", "Line breaks"),
        ("ada@example.com\nx", "Line breaks"),
        ("ada\0@example.com", "Line breaks"),
        ("=?utf-8?q?=0d=0aBcc=3aeve=40example=2ecom=0d=0aX=3a?=@example.com", "Enter an email address"),
        ("ada@example.com, eve@example.com", "only one address"),
        ("ada@example.com;eve@example.com", "only one address"),
        ("Ada <ada@example.com>", "without a name"),
        ("a" * 65 + "@example.com", "Enter an email address"),
        ("a" * 1_000_000 + "@example.com", "too long"),
        ("a@" + "a" * 1_000_000, "too long"),
    ],
)
def test_what_is_no_single_address_is_refused_in_words(typed: str, reason: str) -> None:
    with pytest.raises(InvalidEmailAddress, match=reason):
        validate(typed)


def test_an_address_whose_key_would_not_fit_is_refused() -> None:
    address = "ΐ" * 32 + "@" + "b" * 60 + "." + "c" * 60 + "." + "d" * 40 + ".example"
    assert len(address.encode()) < MAX_LENGTH < len(comparison_key(address))
    with pytest.raises(InvalidEmailAddress, match="too long"):
        validate(address)


@pytest.mark.parametrize(
    "other", ["ada@BÜCHER.example", "ADA@bücher.example", "ada@xn--bcher-kva.example", " ada@bu\u0308cher.example "]
)
def test_ways_to_write_one_address_have_one_key(other: str) -> None:
    assert comparison_key(other) == comparison_key("ada@bücher.example")


@pytest.mark.parametrize("text", ["", "ada", "@", "ada@", "ada@..", "a@" + "\u0300" * 70])
def test_any_text_has_a_key(text: str) -> None:
    assert isinstance(comparison_key(text), str)
