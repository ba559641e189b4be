"""Secrets do not come back in what servers say."""

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest

from webapp.mail.redaction import REDACTED, Redactor

SECRET = 'S3cr3t-Pa55 wörd&"x'
OCTETS = SECRET.encode()
PLAIN = base64.b64encode(b"\0mailroom\0" + OCTETS).decode()
ECHOES = {
    "as it is": SECRET,
    "in capitals": SECRET.upper(),
    "PLAIN": PLAIN,
    "PLAIN after one letter": f"x{PLAIN}",
    "PLAIN after two letters": f"xy{PLAIN}",
    "PLAIN before a letter": PLAIN.rstrip("=") + "Q",
    "LOGIN": base64.b64encode(OCTETS).decode(),
    "URL-safe base64": base64.urlsafe_b64encode(b"~~~" + OCTETS + b"~~~").decode(),
    "XOAUTH2": base64.b64encode(b"user=mailroom\1auth=Bearer " + OCTETS + b"\1\1").decode(),
    "base64 over two lines": f"{PLAIN[:20]}\n535 5.7.8 {PLAIN[20:]}".replace("5.7.8 ", ""),
    "over two lines": SECRET.replace("-", "-\n535 "),
    "URL": quote(SECRET),
    "form": quote_plus(SECRET),
    "base64 in a URL": quote(PLAIN, safe=""),
    "page": html.escape(SECRET),
    "JSON": json.dumps(SECRET),
    "bytes": repr(OCTETS),
    "hex": OCTETS.hex(),
    "spaced": " ".join(SECRET),
}


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_an_echo_is_blotted_out_and_nothing_else(echo: str) -> None:
    said = Redactor([SECRET])(f"535-5.7.8 Error: {echo}\n535 5.7.8 Bad credentials")
    assert REDACTED in said
    assert not any(part.casefold() in said.casefold() for part in (echo[:8], echo[-8:]))
    assert said.startswith("535-5.7.8 Error: ")
    assert said.endswith("\n535 5.7.8 Bad credentials")


def test_an_ordinary_answer_stays_as_it_is() -> None:
    answer = "250-smtp.example.com at your service, [192.0.2.1]\n250-SIZE=35882577 &amp; \\u0041 50%25\n250 SMTPUTF8"
    assert Redactor(["a password", "hunter2", "ab"])(answer) == answer


def test_what_lies_around_a_secret_in_one_word_goes_along() -> None:
    assert Redactor(["hunter2"])("said:" + base64.b64encode(b"user hunter2 realm").decode()) == f"said:{REDACTED}"
