"""Sending email by HTTP, and asking what became of it."""

import base64
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests.api.conftest import EMAIL, Program, wrong_fields
from tests.support.inbox import Inbox
from webapp.api import sending
from webapp.applications import service as applications
from webapp.applications.models import Application
from webapp.core.database import Database
from webapp.outbox.submissions.service import Handed
from webapp.web.problems import Problem

Deliver = Callable[[], None]
# What an email may not have, and which part a refusal names.
INVALID: list[tuple[dict[str, Any], str]] = [
    ({"subject": "a\r\nBcc: eve@evil.example"}, "#/subject"),
    ({"to": "ada@people.example\r\nBcc: eve@evil.example"}, "#/to"),
    ({"to": ["ada@people.example, eve@evil.example"]}, "#/to/0"),
    ({"to": {"email": "ada@people.example", "name": "Ada\nBcc: eve@evil.example"}}, "#/to"),
    ({"to": {"email": "=?utf-8?q?eve=40evil.example=0A?=@people.example"}}, "#/to"),
    ({"reply_to": "A\u2028da <ada@people.example>"}, "#/reply_to"),
    ({"headers": {"X-A\r\nBcc": "eve@evil.example"}}, "#/headers/X-A%0D%0ABcc"),
    ({"headers": {"X-A": "a\r\nBcc: eve@evil.example"}}, "#/headers/X-A"),
    ({"headers": {"X-A": "a", "x-a": "b"}}, "#/headers/X-A"),
    *(({"headers": {name: "eve@evil.example"}}, f"#/headers/{name}") for name in (
        "Bcc", "from", "Sender", "Resent-Bcc", "Return-Path", "Content-Type", "DKIM-Signature", "Message-ID")),
    ({"attachments": [{"filename": "a\r\nX-A: b", "content": ""}]}, "#/attachments/0/filename"),
    ({"attachments": [{"filename": "../a", "content": ""}]}, "#/attachments/0/filename"),
    ({"attachments": [{"filename": "a", "content": "?"}]}, "#/attachments/0/content"),
    ({"attachments": [{"filename": "a", "content": "", "content_type": "a/b\r\nX: y"}]},
     "#/attachments/0/content_type"),
    ({"attachments": [{"filename": "a", "content": "", "content_type": "a/b;\r\n\r\ncharset=x"}]},
     "#/attachments/0/content_type"),
    ({"attachments": [{"filename": "a", "content": "", "content_type": "message/rfc822"}]},
     "#/attachments/0/content_type"),
    ({"attachments": [{"filename": "a", "content": "", "content_id": "a>\r\nX: y"}]}, "#/attachments/0/content_id"),
    ({"attachments": [{"filename": "a", "content": "A" * 4 * (10 * 2**20 // 3 + 1)}]}, "#/attachments"),
    ({"to": ["ada@people.example"] * 10_000}, "#/to"),
    ({"to": []}, "#/to"),
    ({"to": None}, "#/to"),
    ({"to": 7}, "#/to"),
    ({"subject": 7}, "#/subject"),
    ({"text": ["a"]}, "#/text"),
    ({"text": None}, "#/text"),
    ({"text": "a\0b"}, "#/text"),
    ({"text": "a\ud800b"}, "#/text"),
    ({"txt": "a"}, "#/txt"),
]  # fmt: skip


def test_an_email_arrives_and_its_sender_is_told_so(
    shop: Program, submitted: Callable[..., str], inbox: Inbox, deliver: Deliver
) -> None:
    url = submitted(html="<p>It has been shipped.</p>")
    assert shop.get(url).json["state"] == "queued"  # type: ignore[index]
    deliver()
    assert (inbox.last["From"], inbox.last["Subject"]) == ("Shop <orders@shop.example>", "Your order")
    found: Any = shop.get(url).json
    (recipient,) = found["recipients"]
    assert (found["state"], recipient["state"], found["message_id"]) == ("sent", "sent", inbox.last["Message-ID"])
    assert recipient["attempts"][0]["text"].startswith("250")


@pytest.mark.one_database
def test_every_part_arrives_as_it_was_given(submitted: Callable[..., str], inbox: Inbox, deliver: Deliver) -> None:
    logo, invoice = b"\x89PNG" * 100, "Größe;1\r\n".encode()
    submitted(
        to=["Ada <ada@people.example>", {"email": "max@people.example", "name": 'Max "M", Jr.'}],
        cc="Zoë <zoe@people.example>",
        reply_to=["help@shop.example"],
        subject="Größe =?utf-8?q?x?= 😀",
        text="Größe\n",
        html='<img src="cid:logo">',
        headers={"X-Order": "1815", "List-Unsubscribe": f"<https://shop.example/{'u' * 200}>"},
        attachments=[
            {"filename": "logo.png", "content": base64.b64encode(logo).decode(), "content_id": "logo"},
            {"filename": "größe.csv", "content": base64.b64encode(invoice).decode()},
        ],
    )
    deliver()
    email = inbox.last
    names = [(one.display_name, one.addr_spec) for one in (*email["To"].addresses, *email["Cc"].addresses)]
    assert names == [
        ("Ada", "ada@people.example"),
        ('Max "M", Jr.', "max@people.example"),
        ("Zoë", "zoe@people.example"),
    ]
    assert (email["Subject"], email["X-Order"]) == ("Größe =?utf-8?q?x?= 😀", "1815")
    assert (email["Reply-To"], email["List-Unsubscribe"][-5:]) == ("help@shop.example", "uuuu>")
    parts = {part.get_content_type(): part for part in email.walk()}
    assert parts["text/plain"].get_content() == "Größe\r\n"
    assert (parts["image/png"].get_content(), parts["image/png"]["Content-ID"]) == (logo, "<logo>")
    assert (parts["text/csv"].get_payload(decode=True), parts["text/csv"].get_filename()) == (invoice, "größe.csv")


def test_nobody_sees_who_got_a_blind_copy(
    shop: Program, submitted: Callable[..., str], inbox: Inbox, deliver: Deliver
) -> None:
    url = submitted(bcc=["boss@people.example", "ADA@people.example"])
    deliver()
    assert sorted(email.rcpt_to[0] for email in inbox.messages) == ["ADA@people.example", "boss@people.example"]
    assert not any("boss" in email.as_string() for email in inbox.messages)
    assert len(shop.get(url).json["recipients"]) == 2  # type: ignore[index]


@pytest.mark.one_database
def test_what_is_not_valid_is_named_and_nothing_is_sent(shop: Program) -> None:
    for fields, wrong in INVALID:
        answer = shop.submit(**fields)
        assert (answer.status_code, answer.content_type) == (422, "application/problem+json"), fields
        assert wrong in wrong_fields(answer)
    assert shop.get("/messages").json["items"] == []  # type: ignore[index]


@pytest.mark.one_database
def test_an_address_without_an_end_is_refused_in_no_time(shop: Program) -> None:
    began = time.thread_time()
    assert wrong_fields(shop.submit(to=" " * 3000 + "<ada"))["#/to"]
    assert time.thread_time() - began < 5


def test_a_forged_sender_is_refused_and_the_allowed_ones_are_named(shop: Program) -> None:
    for sender in ("eve@evil.example", "Shop <orders@shop.example.evil.example>", "orders@SUB.shop.example"):
        answer = shop.submit(**{"from": sender})
        assert (answer.status_code, wrong_fields(answer)) == (403, {"#/from": "Allowed: shop.example."})


@pytest.mark.one_database
def test_the_usual_sender_is_that_of_the_mail_server(
    shop: Program, database: Database, inbox: Inbox, deliver: Deliver
) -> None:
    with database.transaction() as session:
        session.get_one(Application, 1).allowed_senders = []
    usual: dict[str, Any] = {"from": None}
    assert shop.submit(**usual).status_code == 202
    deliver()
    assert inbox.last["From"] == "Mailroom <mailroom@mailroom.example>"


def test_another_applications_messages_do_not_exist(
    shop: Program, other: Program, submitted: Callable[..., str]
) -> None:
    url = submitted()
    answers = [other.get(url), other.post(f"{url}/cancel"), other.post(f"{url}/retry"), other.get("/messages/msg_1")]
    assert {answer.status_code for answer in answers} == {404}
    cursor = url.rpartition("/")[2]
    for path in ("/messages", f"/messages?cursor={cursor}", "/messages?recipient=ada@people.example"):
        assert other.get(path).json == {"items": [], "next_cursor": None}
    assert shop.get(url).json["state"] == "queued"  # type: ignore[index]


def test_a_list_is_filtered_and_read_page_by_page(shop: Program, submitted: Callable[..., str]) -> None:
    urls = [submitted(to=f"person{index}@people.example") for index in range(5)]
    ids, query = [], "limit=2"
    while query:
        page: Any = shop.get(f"/messages?{query}").json
        ids += [one["id"] for one in page["items"]]
        query = f"limit=2&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert ids == [url.rpartition("/")[2] for url in reversed(urls)]
    shop.post(f"{urls[0]}/cancel")
    for query in ("state=cancelled", "recipient=PERSON0@people.example"):
        assert [one["id"] for one in shop.get(f"/messages?{query}").json["items"]] == ids[-1:]  # type: ignore[index]
    for query in ("since=2100-01-01T00:00:00Z", "until=2001-01-01T00:00:00Z", "recipient=person@people.example"):
        assert shop.get(f"/messages?{query}").json["items"] == []  # type: ignore[index]


@pytest.mark.one_database
def test_a_filter_that_is_not_valid_is_named(shop: Program) -> None:
    for query in (
        "limit=0",
        "limit=201",
        "limit=x",
        "state=lost",
        "since=yesterday",
        "since=0001-01-01T00:00:00%2B14:00",
        "cursor=7",
        "lmit=3",
        "recipient=a",
    ):
        answer = shop.get(f"/messages?{query}")
        assert (answer.status_code, list(wrong_fields(answer))) == (422, [query.partition("=")[0]])


def test_one_recipient_or_all_are_canceled_once(shop: Program, submitted: Callable[..., str]) -> None:
    url = submitted(to=["ada@people.example", "max@people.example"])
    answer: Any = shop.post(f"{url}/cancel", {"recipient": "ADA@people.example"}).json
    assert [one["state"] for one in answer["recipients"]] == ["cancelled", "queued"]
    assert (answer["state"], answer["recipients"][0]["reason"]) == (
        "mixed",
        "The application that sent it canceled it.",
    )
    assert shop.post(f"{url}/cancel").json["state"] == "cancelled"  # type: ignore[index]
    again = shop.post(f"{url}/cancel")
    assert (again.status_code, again.json["type"]) == (409, "/api/v1/docs#not-cancellable")  # type: ignore[index]
    assert shop.post(f"{url}/cancel", {"recipient": "eve@people.example"}).status_code == 404


def test_a_failed_message_is_retried_with_the_servers_words_kept(
    shop: Program, submitted: Callable[..., str], scripted: Callable[..., Any], use_server: Any, deliver: Deliver
) -> None:
    with scripted({"RCPT": "550 5.1.1 No such user here"}) as server:
        use_server(server)
        url = submitted()
        deliver()
    found: Any = shop.get(url).json
    assert (found["state"], found["recipients"][0]["reason"]) == ("failed", "550 5.1.1 No such user here")
    assert found["recipients"][0]["attempts"][0]["text"] == "550 5.1.1 No such user here"
    assert shop.post(f"{url}/retry").json["state"] == "queued"  # type: ignore[index]


def test_the_limit_of_an_hour_is_told_apart_from_that_of_requests(shop: Program, database: Database) -> None:
    with database.transaction() as session:
        session.get_one(Application, 1).messages_per_hour = 2
    assert shop.submit().status_code == 202
    answer = shop.submit(to=["ada@people.example", "max@people.example"])
    assert (answer.status_code, answer.json["type"]) == (429, "/api/v1/docs#too-many-messages")  # type: ignore[index]
    assert int(answer.headers["Retry-After"]) > 0
    assert wrong_fields(shop.submit(to=[f"p{index}@people.example" for index in range(3)]))["#/to"]


@pytest.mark.one_database
def test_a_large_email_is_taken_whole(shop: Program) -> None:
    content = base64.b64encode(bytes(10 * 2**20 - 1)).decode()
    answer = shop.submit(text="a" * 200_000, attachments=[{"filename": "zeros", "content": content}])
    assert answer.status_code == 202
    too_large = shop.submit(text="a" * 17 * 2**20)
    assert (too_large.status_code, too_large.content_type) == (413, "application/problem+json")


@pytest.mark.one_database
def test_no_secret_and_no_content_reaches_a_log_or_a_problem(shop: Program, caplog: pytest.LogCaptureFixture) -> None:
    answers = [shop.submit(text="a private text"), shop.submit(text="a private text", subject=7)]
    said = caplog.text + "".join(answer.text for answer in answers)
    assert not any(secret in said for secret in (shop.secret, "a private text"))
    assert EMAIL["to"] not in said


def test_an_application_that_is_deleted_during_its_request_is_refused(
    app: Flask, shop: Program, database: Database
) -> None:
    with database.transaction() as session:
        application = session.scalars(select(Application)).one()
        applications.delete(session, application.id)
    handed = Handed("orders@shop.example", ["ada@people.example"], b"From: orders@shop.example\r\n\r\nHello\r\n")
    with app.app_context(), pytest.raises(Problem) as refused:
        sending.take(sending.Email(application, handed, None))
    assert refused.value.status == 403
