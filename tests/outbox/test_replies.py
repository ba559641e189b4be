"""Queue ids in the replies of well-known servers."""

import time

import pytest

from webapp.outbox.replies import queue_id


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("250 2.0.0 Ok: queued as 4Xy7Rn1dTDz9sWF", "4Xy7Rn1dTDz9sWF"),
        ("250 Ok: queued as Uq3JtQk8RhqKp0Jf3cXw1A", "Uq3JtQk8RhqKp0Jf3cXw1A"),
        ("250 OK id=1tGbXk-000000005aB-3pQr", "1tGbXk-000000005aB-3pQr"),
        (
            "250 2.6.0 <f00d@mailroom.example> [InternalId=47811123456789, Hostname=AM0PR01.EURPRD01.PROD.OUTLOOK.COM]"
            " 8391 bytes in 0.115, 71.108 KB/sec Queued mail for delivery",
            "47811123456789",
        ),
        ("250 2.0.0 OK  1732964400 a640c23a62f3a-aa5998e6a2bsm5123.12 - gsmtp", "a640c23a62f3a-aa5998e6a2bsm5123.12"),
        ("250 Ok 0102019379d1a2b3-7c1f2e3d-1234-5678-9abc-def012345678-000000",
         "0102019379d1a2b3-7c1f2e3d-1234-5678-9abc-def012345678-000000"),
        ("250 2.0.0 4AUBwZx1012345 Message accepted for delivery", "4AUBwZx1012345"),
        ("250 2.0.0 Ok", ""),
        ("250 Message received", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_the_queue_id_is_found_in_the_replies_of_well_known_servers(reply: str, expected: str) -> None:
    assert queue_id(reply) == expected


def test_a_reply_of_one_very_long_word_takes_no_time() -> None:
    started = time.thread_time()
    assert queue_id(f"250 {'x' * 50_000}") == ""
    assert time.thread_time() - started < 1
