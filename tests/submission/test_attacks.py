"""Hostile clients of the SMTP server, and the replies they get."""

import base64
import time
from collections.abc import Callable

import pytest

from tests.submission.conftest import Connect
from tests.support.submission import EMAIL, Wire
from webapp.submission.stream import Budget, Content

Accepted = Callable[[], list[tuple[str, list[str], bytes]]]
SMUGGLED = b"MAIL FROM:<ceo@shop.example>\r\nRCPT TO:<eve@people.example>\r\nDATA\r\nSubject: Pay\r\n\r\nNow.\r\n.\r\n"

pytestmark = pytest.mark.one_database


def test_no_other_end_of_the_content_lets_a_second_email_through(client: Wire, accepted: Accepted) -> None:
    for end in (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\n.\r", b"\r.\r\n"):
        reply = client.send(EMAIL + b"x" + end + SMUGGLED[:-3])
        assert reply.startswith("554 5.6.0 Line")
        assert "has a CR or LF alone" in reply
    assert not accepted()


def test_a_client_that_ends_lines_with_lf_is_told_at_once(client: Wire) -> None:
    assert client.envelope().startswith("354")
    client.write(EMAIL.replace(b"\r\n", b"\n") + b".\n")
    assert client.reply() == "554 5.6.0 Line 1 has a CR or LF alone; lines must end with CR LF"
    assert client.reply() == ""


def test_commands_end_with_cr_lf_only(connect: Connect) -> None:
    for command in (b"NOOP\n", b"NOOP\rQUIT\r\n", b"NOOP\0\r\n", b"\nNOOP\r\n"):
        wire = connect()
        wire.write(command + b"NOOP\r\n")
        assert wire.reply().startswith("521 5.5.2 Commands must end with CR LF")
        assert wire.reply() == ""


def test_content_that_comes_before_the_reply_to_data_is_not_read_as_commands(client: Wire, accepted: Accepted) -> None:
    client.say("MAIL FROM:<orders@shop.example>", "RCPT TO:<nobody>")
    client.write(b"DATA\r\n" + SMUGGLED)
    assert client.reply().startswith("521 5.5.1 Wait for the reply to DATA")
    assert client.reply() == ""
    assert not accepted()


def test_bdat_ends_the_connection_before_its_content_is_read(client: Wire, accepted: Accepted) -> None:
    client.say("MAIL FROM:<orders@shop.example>", "RCPT TO:<ada@people.example>")
    client.write(f"BDAT {len(SMUGGLED)} LAST\r\n".encode() + SMUGGLED)
    assert client.reply() == "521 5.5.1 BDAT is not supported; use DATA"
    assert client.reply() == ""
    assert not accepted()


def test_a_browser_is_turned_away_at_its_first_line(connect: Connect) -> None:
    for line in ("GET / HTTP/1.1", "POST / HTTP/1.1"):
        assert connect().say(line).startswith("521 5.5.1 This is a mail server")


def test_a_nul_in_the_content_is_refused(client: Wire) -> None:
    assert client.send(EMAIL + b"a\0b\r\n") == "554 5.6.0 Line 6 contains a NUL"


def test_a_long_line_is_refused_by_its_number_and_the_connection_goes_on(client: Wire) -> None:
    assert client.send(EMAIL + b"x" * 998 + b"\r\n").startswith("250")
    assert client.send(EMAIL + b"x" * 999 + b"\r\n").startswith("554 5.6.0 Line 6 is longer than 998 bytes; encode")


def test_lines_as_long_as_allowed_are_read_as_fast_as_others() -> None:
    content = Content(30_000_000, Budget(30_000_000))
    content.feed((b"x" * 998 + b"\r\n") * 2000 + b".\r\n")
    began = time.thread_time()
    assert len(content.finished()) == 2_000_000
    assert time.thread_time() - began < 1


def test_a_line_far_beyond_the_limit_is_refused_and_one_without_end_is_cut_off(client: Wire) -> None:
    assert (
        client.send(b"x" * 3_000_000 + b"\r\n") == "552 5.3.4 The email is too big; at most 1000000 bytes are accepted"
    )
    assert client.envelope().startswith("354")
    client.write(b"x" * 6_000_000)
    assert client.reply().startswith("552 5.3.4")
    assert client.reply() == ""


def test_a_command_of_megabytes_is_refused(client: Wire) -> None:
    assert client.say("NOOP " + "x" * 3_000_000) == "500 5.5.2 Command line too long"
    assert client.say("NOOP") == "250 2.0.0 OK"


def test_an_email_to_ten_thousand_is_taken_for_a_thousand_at_once(client: Wire, accepted: Accepted) -> None:
    client.say("MAIL FROM:<orders@shop.example>")
    client.write(b"".join(b"RCPT TO:<person%d@people.example>\r\n" % number for number in range(10_000)))
    replies = [client.reply() for _ in range(10_000)]
    assert replies[:1000] == ["250 2.1.5 Recipient accepted"] * 1000
    assert set(replies[1000:]) == {"452 4.5.3 At most 1000 recipients fit in one email; send it again to the others"}
    assert client.say("DATA").startswith("354")
    client.write(EMAIL + b".\r\n")
    assert client.reply().startswith("250")
    assert len(accepted()[0][1]) == 1000


def test_forged_senders_are_refused_by_their_headers(client: Wire) -> None:
    for headers, refusal in (
        (
            b"From: ceo@bank.example\r\n",
            "550 5.7.1 This application may not send from ceo@bank.example, only from: @shop.example",
        ),
        (b"From: a@shop.example\r\nSender: ceo@bank.example\r\n", "550 5.7.1"),
        (b"From: a@shop.example, ceo@bank.example\r\n", "550 5.7.1"),
        (b"From: a@shop.example\r\nFrom: ceo@bank.example\r\n", "554 5.6.0 The message has more than one From header"),
        (b"Subject: no From\r\n", "554 5.6.0 The message has no From header"),
    ):
        assert client.send(headers + b"\r\nHello.\r\n").startswith(refusal)


def test_a_forged_envelope_is_refused_before_the_content(client: Wire) -> None:
    reply = client.say("MAIL FROM:<ceo@bank.example>")
    assert reply == "550 5.7.1 This application may not send from ceo@bank.example, only from: @shop.example"


def test_eight_bit_text_is_taken_announced_or_not(client: Wire, accepted: Accepted) -> None:
    text = EMAIL + "Grüße\r\n".encode()
    assert client.send(text).startswith("250")
    assert accepted()[0][2].endswith(text[text.index(b"From") :])


def test_an_email_that_goes_round_is_stopped(client: Wire) -> None:
    assert client.send(b"Received: x\r\n" * 51 + EMAIL).startswith("554 5.4.6 The email has passed more than 50")


def test_bad_credentials_get_a_precise_refusal(connect: Connect) -> None:
    for command, reply in (
        ("AUTH PLAIN !!!", "501 5.5.2 This is not base64"),
        ("AUTH PLAIN " + base64.b64encode(b"no nul").decode(), "501 5.5.2 PLAIN needs"),
        ("AUTH PLAIN " + "A" * 20_000, "500 5.5.2 Command line too long"),
        ("AUTH CRAM-MD5", "504 5.5.4 Only PLAIN and LOGIN"),
        ("AUTH", "501 5.5.4 Write AUTH PLAIN or AUTH LOGIN"),
        ("auth plain " + base64.b64encode(b"\0app_shop\0wrong").decode(), "535 5.7.8"),
        ("AUTH PLAIN " + base64.b64encode(b"\0\xff\0\xff").decode(), "535 5.7.8"),
    ):
        wire = connect()
        wire.say("EHLO client.example")
        assert wire.say(command).startswith(reply)
        assert wire.say("NOOP") == "250 2.0.0 OK"


def test_an_exchange_can_be_cancelled_and_its_answers_have_limits(connect: Connect) -> None:
    wire = connect()
    wire.say("EHLO client.example")
    assert wire.say("AUTH PLAIN", "*") == "501 5.7.0 Auth aborted"
    assert wire.say("AUTH LOGIN", "%%%") == "501 5.5.2 Can't decode base64"
    assert wire.say("AUTH LOGIN", "A" * 5000) == "500 5.5.6 The answer is too long"


def test_guessing_ends_the_connection_and_then_waits(connect: Connect) -> None:
    for _ in range(10):
        wire = connect()
        wire.say("EHLO client.example")
        replies = [wire.say("AUTH PLAIN AGFwcF9zaG9wAHdyb25n") for _ in range(3)]
        assert replies[-1].startswith("421 4.7.0 Too many wrong secrets")
    wire = connect()
    wire.say("EHLO client.example")
    assert wire.say("AUTH PLAIN AGFwcF9zaG9wAHdyb25n").startswith("454 4.7.0 Too many wrong secrets")
    connect().authenticate()


def test_nobody_gets_far_without_authenticating(connect: Connect, accepted: Accepted) -> None:
    wire = connect()
    assert wire.say("MAIL FROM:<orders@shop.example>") == "503 5.5.1 EHLO comes first"
    wire.say("EHLO client.example")
    assert wire.say("MAIL FROM:<orders@shop.example>").startswith("530 5.7.0 Authenticate first")
    assert wire.say("RCPT TO:<ada@people.example>") == "503 5.5.1 MAIL comes first"
    assert wire.say("DATA") == "503 5.5.1 MAIL and at least one accepted RCPT come first"


def test_a_client_that_does_nothing_is_cut_off(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.submission.limits.ANONYMOUS", 0.2)
    wire = connect()
    started = time.monotonic()
    assert wire.reply().startswith("421 4.4.2 Nobody authenticated")
    assert time.monotonic() - started < 10
