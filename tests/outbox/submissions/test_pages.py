"""Emails of applications in the outbox: found by their application, and shown as their recipients see them."""

import csv
import io
import time
from base64 import b64encode
from collections.abc import Callable

import pytest
from sqlalchemy import delete

from tests.outbox.submissions.conftest import EMAIL, HandIn
from tests.support.browser import Browser
from webapp.applications import service as applications
from webapp.applications.models import Application
from webapp.core.database import Database
from webapp.outbox.submissions.models import SubmissionContent
from webapp.outbox.submissions.preview import MAX_ATTACHMENTS, read

pytestmark = pytest.mark.one_database
HTML = (
    b"From: =?utf-8?q?Caf=C3=A9?= <orders@shop.example>\r\nTo: Ada <ada@people.example>\r\nSubject: Your order\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain; '
    b"charset=iso-8859-1\r\n\r\nMerci, caf\xe9\r\n--b\r\nContent-Type: text/html\r\n\r\n<html><HEAD lang=fr>"
    b"<script>alert(1)</script><p>Merci</p><img src=https://evil.example/seen><a href=https://evil.example>x</a>\r\n"
    b'--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename="=?utf-8?q?Re=C3=A7u.pdf?="\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\n" + b64encode(b"x" * 3000) + b"\r\n--b--\r\n"
)


def test_an_email_is_shown_as_its_recipient_sees_it(administrator: Browser, hand_in: HandIn) -> None:
    submission = hand_in("ada@people.example", "bob@people.example", content=HTML)
    page = administrator.get("/outbox/1").text
    for expected in ("Shop", "Café", "Your order", "Merci, café", "Reçu.pdf", "3 kB", "orders@shop.example"):
        assert expected in page
    assert submission.header_id.strip("<>") in page
    assert "/outbox/2" in page.partition("Other recipients")[2]
    frame = administrator.get("/outbox/1/html")
    assert '<HEAD lang=fr><base target="_blank">' in frame.text
    assert "default-src 'none'" in frame.headers["Content-Security-Policy"]
    assert frame.headers["Content-Security-Policy"].endswith("; sandbox")


def test_an_email_is_shown_only_as_long_as_its_content_is_kept(
    administrator: Browser, hand_in: HandIn, database: Database
) -> None:
    hand_in()
    assert "Thank you." in administrator.get("/outbox/1").text
    with database.transaction() as session:
        session.execute(delete(SubmissionContent))
    page = administrator.get("/outbox/1").text
    assert "Your order" in page
    assert "Thank you." not in page
    assert "its content was deleted after delivery" in page
    assert administrator.get("/outbox/1/html").status_code == 404


def test_the_outbox_is_filtered_by_application(
    administrator: Browser, hand_in: HandIn, shop: Application, enqueue: Callable[[], int]
) -> None:
    enqueue()
    hand_in("ada@people.example")
    page = administrator.get(f"/outbox?application={shop.id}").text
    assert "ada@people.example" in page
    assert "eve@people.example" not in page
    assert "Application: <strong><bdi>Shop" in page
    assert "Choose an application from the list." in administrator.get("/outbox?application=7").text
    answer = administrator.get(f"/outbox/messages.csv?application={shop.id}").text
    (row,) = csv.DictReader(io.StringIO(answer.removeprefix("\ufeff"), newline=""))
    assert (row["recipient"], row["application"]) == ("ada@people.example", "Shop")


def test_the_page_of_an_application_leads_to_its_messages(administrator: Browser, hand_in: HandIn) -> None:
    hand_in("ada@people.example")
    page = administrator.get("/settings/applications/1").text
    assert "ada@people.example" in page
    assert "/outbox?application=1" in page


def test_messages_of_a_deleted_application_are_still_shown(
    administrator: Browser, hand_in: HandIn, database: Database
) -> None:
    hand_in("ada@people.example")
    with database.transaction() as session:
        applications.delete(session, 1)
    for path in ("/outbox", "/outbox/1"):
        assert "A deleted application" in administrator.get(path).text
    assert "Thank you." in administrator.get("/outbox/1").text


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Type: text/plain; charset=no-such-charset\r\n\r\nHello \xff",
        b"Content-Type: multipart/mixed\r\n\r\nHello",
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nHello==!",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nHello\r\n" * 200,
        b"Content-Type: text/html; charset=utf-7\r\n\r\n+ADw-script+AD4-Hello",
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(2000)),
        b"To: " + b"=?utf-8?q?" * 50_000 + b"\r\n\r\nHello",
    ],
    ids=range(7),
)
def test_a_hostile_email_breaks_nothing(body: bytes) -> None:
    email = read(EMAIL.partition(b"\r\n\r\n")[0] + b"\r\n" + body, "Subject")
    assert email is None or len(email.attachments) <= MAX_ATTACHMENTS


@pytest.mark.parametrize(
    "header",
    [b"Content-Type: text/plain; charset=punycode", b"Content-Type: text/plain" + b"\r\n ".join([b";" * 900] * 300)],
    ids=["charset", "parameters"],
)
def test_a_slow_charset_and_endless_parameters_are_not_read(header: bytes) -> None:
    part = header + b"\r\n\r\n-" + b"a" * 400_000
    began = time.thread_time()
    assert read(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + part, "Subject")
    assert time.thread_time() - began < 1


NESTED = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(200))


@pytest.mark.parametrize(
    "body", [b"\r\n" * 500_000, b"--b\r\n\r\n" * 10_001, NESTED + b"\r\n" * 30_000], ids=["lines", "parts", "depth"]
)
def test_an_email_that_would_keep_the_parser_busy_is_not_shown(body: bytes) -> None:
    assert read(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + body, "Subject") is None
