"""Blanks at the ends of pasted texts, and characters that nobody sees."""

import pytest

from webapp.core.text import hidden_character, trimmed, without_blanks

JUNK = ["\t", " ", "\n", "\r\n", "\u00a0", "\u200b", "\u200e", "\u202a", "\u2060", "\u3000", "\ufeff", "\u3164"]


@pytest.mark.parametrize("junk", JUNK, ids=ascii)
def test_blanks_at_both_ends_are_trimmed(junk: str) -> None:
    assert trimmed(f"{junk} a{junk}b {junk}") == f"a{junk}b"


@pytest.mark.parametrize("text", ["", "a", "a b", "Zoë 王 ✉", "a\u200db", "\0a"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert trimmed(text) == text


def test_a_text_of_blanks_alone_is_trimmed_to_nothing() -> None:
    assert trimmed("".join(JUNK)) == ""


@pytest.mark.parametrize("junk", JUNK, ids=ascii)
def test_blanks_are_removed_from_a_text_of_one_word(junk: str) -> None:
    assert without_blanks(f"abcd{junk}efgh{junk}") == "abcdefgh"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a\u200bb", "U+200B ZERO WIDTH SPACE"),
        ("a\u2060b", "U+2060 WORD JOINER"),
        ("a\ufeffb", "U+FEFF byte order mark"),
        ("a\tb", "U+0009 tab"),
        ("a\nb", "U+000A line break"),
        ("a\0b", "U+0000"),
        ("a\u200db c", ""),
        ("a\u00a0b", ""),
    ],
)
def test_a_hidden_character_is_named(text: str, name: str) -> None:
    assert hidden_character(text) == name


def test_special_spaces_are_named_where_none_belongs() -> None:
    assert hidden_character("a\u00a0b", spaces=False) == "U+00A0 NO-BREAK SPACE"
    assert hidden_character("a b", spaces=False) == ""
