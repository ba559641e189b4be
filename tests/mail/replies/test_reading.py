"""Which cause is read in a reply."""

import time

import pytest

from tests.mail.replies.known import Known, collected, load
from webapp.mail.replies.concepts import CONCEPTS
from webapp.mail.replies.reading import read
from webapp.mail.replies.signs import SIGNS
from webapp.mail.transport.rejections import OF_THE_MESSAGE
from webapp.providers import Cause

KNOWN = [one for name in ("servers", "services", "others") for one in load(name)]


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: f"{known.origin}-{known.stage}")
def test_a_reply_is_read_as_what_it_means(known: Known) -> None:
    reading = read(known.stage, known.reply)
    assert reading.cause == known.cause, reading


@pytest.mark.parametrize(
    ("stage", "reply", "helps"),
    [
        ("rcpt", "450 4.1.8 <m@x.example>: Sender address rejected: Domain not found", False),
        ("auth", "451 Authentication failed: Maximum credits exceeded", False),
        ("data", "550 5.4.5 Daily user sending limit exceeded.", True),
        ("rcpt", "452 4.2.2 Mailbox full", True),
        ("rcpt", "451 4.3.5 Server configuration error", False),
        ("data", "451 Something new", True),
        ("data", "554 Something new", False),
    ],
)
def test_a_retry_helps_only_where_the_cause_passes_by_itself(stage: str, reply: str, helps: bool) -> None:
    assert read(stage, reply).retry_helps is helps


def test_nine_in_ten_collected_replies_are_read_rightly() -> None:
    replies = collected()
    wrong = [one for one in replies if read(one.stage, one.reply).cause not in one.causes]
    assert len(wrong) <= len(replies) / 10, wrong


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        ("552 5.2.2 Skrzynka odbiorcy jest przepełniona", Cause.RECIPIENT_MAILBOX_FULL),
        ("450 Postfach des Empfaengers ist voll", Cause.RECIPIENT_MAILBOX_FULL),
        ("550 El buzón no existe", Cause.RECIPIENT_UNKNOWN),
        ("550 5.7.1 Пересылка запрещена", Cause.RELAY_DENIED),
        ("550 该收件人不存在于本系统", Cause.RECIPIENT_UNKNOWN),
    ],
)
def test_other_languages_are_read_with_and_without_accents_and_spaces(reply: str, cause: Cause) -> None:
    assert read("rcpt", reply).cause is cause


@pytest.mark.parametrize(
    "said", ["535 5.7.8 Authentication failed", "421 4.7.0 Daily sending quota exceeded", "554 5.7.1 Host blocked"]
)
def test_what_the_recipients_server_says_is_not_taken_for_what_the_server_says(said: str) -> None:
    rejected = "550 5.1.1 <x@example.net>: Recipient address rejected: undeliverable address:"
    verified = f"{rejected} host mx.example.net[192.0.2.9] said: {said} (in reply to RCPT TO command)"
    for_now = verified.replace("550 5", "450 4").replace("undeliverable", "unverified")
    callout = f"550-Sent: RCPT TO:<x@example.net>\n550-Response: {said}\n550 Recipient verify failed"
    assert read("rcpt", verified).cause is Cause.RECIPIENT_UNKNOWN
    assert {read("rcpt", one).cause for one in (for_now, callout)} <= {*OF_THE_MESSAGE, Cause.NOT_UNDERSTOOD}


def test_evidence_quotes_the_reply_with_its_accents_and_without_addresses() -> None:
    assert read("rcpt", "550 Skrzynka jest przepełniona").evidence[0].value == "skrzynka jest przepełniona"
    assert read("rcpt", "554 Client host 192.0.2.1 blocked").evidence[0].value == "… blocked"


def test_a_code_that_contradicts_the_words_makes_it_less_sure() -> None:
    assert read("rcpt", "550 5.1.1 No such user").confidence == "high"
    assert read("rcpt", "550 5.1.1 Relay access denied").confidence != "high"


@pytest.mark.parametrize(
    "line",
    ["x" * 4000, "<" * 4000, "@" * 4000, "[" * 4000, "a." * 2000, ":" * 4000, "not " * 1000, "1.1" * 1500,
     "http://" * 600, "account disabled " * 250, "recipient sender domain unknown " * 120],
)  # fmt: skip
def test_a_hostile_reply_is_read_in_no_time(line: str) -> None:
    started = time.thread_time()
    read("rcpt", f"550 5.1.1 No such user {f'{line} ' * 200}")
    assert time.thread_time() - started < 2


def test_every_thing_in_the_lexicon_means_something() -> None:
    used = {name for sign in SIGNS for name in (*sign.concepts, *sign.unless)}
    assert CONCEPTS.keys() - used == set()


@pytest.mark.parametrize("reply", ["", "550", "abc", "999 x", "550 \x00", "5.7.1", "550-\n550-\n550 "])
def test_no_reply_breaks_the_reader(reply: str) -> None:
    assert read("data", reply).cause is Cause.NOT_UNDERSTOOD
