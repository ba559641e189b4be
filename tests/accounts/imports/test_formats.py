"""How a file is written: encodings, line ends, separators."""

import codecs

import pytest

from webapp.accounts.imports.formats import MAX_LINE_LENGTH, guess_encoding, guess_separator, read_lines

TEXT = "Name;E-Mail\nZoë;zoe@example.com\n"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (codecs.BOM_UTF8 + TEXT.encode(), "utf-8"),
        (codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"), "utf-16-le"),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "utf-16-be"),
        (TEXT.encode("utf-16-le"), "utf-16-le"),
        (TEXT.encode("utf-16-be"), "utf-16-be"),
        (TEXT.encode("cp1252"), "cp1252"),
    ],
)
def test_the_encoding_is_guessed_and_the_text_is_read_with_it(data: bytes, encoding: str) -> None:
    assert guess_encoding([data], "en") == encoding
    assert list(read_lines([data], encoding)) == ["Name;E-Mail", "Zoë;zoe@example.com"]


@pytest.mark.parametrize(("language", "encoding", "text"), [("uk", "cp1251", "Їжак"), ("ar", "cp1256", "سلمى")])
def test_without_unicode_it_is_what_windows_uses_in_the_readers_language(
    language: str, encoding: str, text: str
) -> None:
    data = text.encode(encoding)
    assert guess_encoding([data], language) == encoding
    assert list(read_lines([data], encoding)) == [text]


def test_the_first_byte_that_is_not_utf_8_may_come_late() -> None:
    assert guess_encoding([b"a" * 100_000, b"\xe9"], "en") == "cp1252"


def test_a_character_may_be_split_between_two_parts() -> None:
    first, second = "é".encode()[:1], "é".encode()[1:]
    assert guess_encoding([first, second], "en") == "utf-8"
    assert list(read_lines([first, second], "utf-8")) == ["é"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_on_any_system(end: str) -> None:
    assert list(read_lines([f"a{end}b\x0b\u2028c{end}".encode()], "utf-8")) == ["a", "b\x0b\u2028c"]


def test_bytes_that_the_encoding_does_not_have_are_marked() -> None:
    assert list(read_lines([b"a\x81b"], "cp1252")) == ["a\ufffdb"]


def test_a_line_without_end_takes_no_more_memory_than_a_long_one() -> None:
    (line,) = read_lines((b"x" * 1000 for _ in range(10_000)), "utf-8")
    assert MAX_LINE_LENGTH < len(line) < MAX_LINE_LENGTH + 10_000


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        (["email,name", "ada@example.com,Ada"], "comma"),
        (["email;name", "ada@example.com;Lovelace, Ada"], "semicolon"),
        (["ada@example.com;Lovelace, Ada", "bob@example.com;Roe, Bob"], "semicolon"),
        (["email\tname", "ada@example.com\tAda"], "tab"),
        (["email|name", "ada@example.com|Ada"], "pipe"),
        (["email,roles,name", "ada@example.com,a|b,Ada"], "comma"),
        (["sep=;", "email,name"], "semicolon"),
        (["ada@example.com", "bob@example.com"], "comma"),
        ([], "comma"),
    ],
)
def test_the_separator_is_guessed(lines: list[str], name: str) -> None:
    assert guess_separator(lines) == name
