"""Tests of webapp.outbox.submissions.headers."""

import time
from datetime import UTC, datetime

import pytest

from webapp.outbox.submissions.headers import MAX_HEADERS, InvalidContent, split

FROM = b"From: a@shop.example\r\n"
TIME = datetime(2026, 11, 30, 8, 30, tzinfo=UTC)


def complete(content: bytes, trace: bytes = b"") -> bytes:
    return split(content).complete(trace, "<new@shop.example>", TIME)


def test_nothing_but_a_missing_date_and_message_id_is_added() -> None:
    unusual = FROM + b"X-Odd  :\tone\r\n\ttwo\r\nMessage-Id: <old@shop.example>\r\nDate: today\r\n\r\n.\r\n\xff \r\n"
    assert complete(unusual) == unusual
    assert complete(FROM + b"\r\nHello\r\n") == (
        b"Date: Mon, 30 Nov 2026 08:30:00 +0000\r\nMessage-ID: <new@shop.example>\r\n" + FROM + b"\r\nHello\r\n"
    )


def test_the_trace_comes_first() -> None:
    assert complete(FROM + b"\r\n", b"Received: by mailroom\r\n").startswith(b"Received: by mailroom\r\nDate: ")


def test_bcc_is_removed_with_its_folded_lines() -> None:
    sent = complete(FROM + b"BCC : eve@people.example,\r\n max@people.example\r\nTo: x@y.example\r\n\r\nBcc: no\r\n")
    assert b"people.example" not in sent
    assert sent.endswith(FROM + b"To: x@y.example\r\n\r\nBcc: no\r\n")


def test_an_email_without_a_body_is_one() -> None:
    assert complete(FROM).endswith(FROM + b"\r\n")


@pytest.mark.parametrize(
    ("header", "senders"),
    [
        (b"From: A@Shop.Example", ["a@shop.example"]),
        (b"from : The Shop <a@shop.example>", ["a@shop.example"]),
        (b'From: "evil@x.example" <a@shop.example>', ["a@shop.example"]),
        (b"From: a@shop.example, b@x.example\r\nSender: c@x.example", ["a@shop.example", "b@x.example", "c@x.example"]),
        (b"From: =?utf-8?q?a=40x=2Eexample?= <a@shop.example>", ["a@shop.example"]),
        (b"From:\r\n\t=?utf-8?q?a?= b\r\n <a@shop.example>", ["a@shop.example"]),
        (b"From: a@shop.example (Cron Daemon)", ["a@shop.example"]),
        ("From: Bücher <a@bücher.example>".encode(), ["a@xn--bcher-kva.example"]),
    ],
)
def test_it_is_from_whom_its_readers_see(header: bytes, senders: list[str]) -> None:
    assert split(header + b"\r\n\r\n").senders() == senders


@pytest.mark.parametrize(
    "header",
    [
        b"To: a@shop.example",
        FROM + b"From: b@x.example",
        FROM + b"Sender: a@shop.example\r\nSender: b@x.example",
        b"From: a@shop.example <b@x.example>",
        b"From: <a@shop.example> b@x.example",
        b"From: ",
        b"From: undisclosed:;",
        b"From: =?utf-8?q?=0a?= <a@shop.example",
        b"From: a@\r\n shop.example",
        b"From: a@shop.example (<b@x.example>)",
        b"From: a@(x.example)shop.example",
        b"From: a@=?utf-8?q?shop.example?=",
        "From: ceo@bank.example\uff20shop.example".encode(),
        b'From: "ceo@bank.example"@shop.example',
        b"From: " + b"\r\n ".join([b"x" * 900] * 3) + b" <a@shop.example>",
    ],
)
def test_programs_that_disagree_on_the_sender_are_not_confused(header: bytes) -> None:
    with pytest.raises(InvalidContent, match=r"From|Sender"):
        split(header + b"\r\n\r\n").senders()


@pytest.mark.parametrize(
    "header",
    [
        b"a:\r\n" * 50_000,
        b"X: folded\r\n" + b" \r\n" * 80_000,
        (b"Message-ID: " + b"\r\n ".join([b"<" + b"@" * 990] * 100) + b"\r\n") * 2,
    ],
    ids=["fields", "folds", "Message-ID"],
)
def test_hostile_headers_take_no_longer_than_others(header: bytes) -> None:
    # Without what other threads do. In quadratic time it would take minutes, and linear 0.1 s on an idle machine.
    began = time.thread_time()
    assert complete(FROM + header + b"\r\n")
    assert time.thread_time() - began < 5


@pytest.mark.parametrize(
    "content",
    [
        b"From me Mon Nov 30\r\n" + FROM + b"\r\n",
        b" folded: first\r\n\r\n",
        b"Bad name: x\r\n\r\n",
        FROM + b"\r\nbare\nfeed\r\n",
        FROM + b"\r\nbare\rreturn\r\n",
        FROM + b"\r\nnull\0\r\n",
        FROM * (MAX_HEADERS // len(FROM) + 1) + b"\r\n",
    ],
)
def test_what_is_no_email_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidContent):
        split(content)


def test_the_subject_is_decoded_onto_one_line() -> None:
    encoded = split(FROM + b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n =?utf-8?q?=0A_aus?= Ulm\r\n\r\n")
    assert encoded.subject.split() == ["Grüße", "aus", "Ulm"]


@pytest.mark.parametrize("header", [b"List-Id: <news.shop.example>", b"Precedence: Bulk", b"precedence: list"])
def test_one_of_many_says_so(header: bytes) -> None:
    assert split(FROM + header + b"\r\n\r\n").is_bulk
    assert not split(FROM + b"\r\n").is_bulk
