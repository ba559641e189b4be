"""Delivering messages: sent, retried, failed, expired or cancelled."""

import re
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, text

from tests.conftest import PUBLIC_URL, Enqueue, GetMessage
from tests.support.inbox import Inbox
from tests.support.scripted import ScriptedServer
from webapp.core import clock
from webapp.core.database import Database
from webapp.mail.redaction import REDACTED
from webapp.mail.transcript import MAX_ERROR_LENGTH
from webapp.outbox import delivery, service
from webapp.outbox.models import Attempt, MessageState
from webapp.settings import service as settings

Act = Callable[[], None]


def test_a_sent_message_has_the_key_of_its_provider(
    enqueue: Enqueue, deliver: Act, inbox: Inbox, get_message: GetMessage
) -> None:
    message_id = enqueue()
    deliver()
    message = get_message(message_id)
    assert (message.state, message.provider, message.attempts) == (MessageState.SENT, "custom", 1)
    assert message.failure is None
    assert inbox.last.rcpt_to == ["eve@people.example"]


def test_no_link_is_in_the_database(
    enqueue_reset: Callable[[], int], deliver: Act, inbox: Inbox, database: Database
) -> None:
    enqueue_reset()
    deliver()
    secret = inbox.last.link.rpartition("/")[2]
    with database.read() as session:
        rows = [
            session.execute(text(f"SELECT * FROM {table}")).all()
            for table in ("messages", "links", "users", "attempts")
        ]
    assert (len(rows[1]), len(rows[3])) == (1, 1)
    assert secret not in repr(rows)


@pytest.mark.parametrize("reply", ["554 5.7.1 Blocked URL LINK", "451 4.7.1 LINK is being checked"])
@pytest.mark.one_database
def test_a_link_that_the_server_quotes_is_redacted(
    reply: str,
    enqueue_reset: Callable[[], int],
    deliver: Act,
    inbox: Inbox,
    get_message: GetMessage,
    database: Database,
) -> None:
    message_id = enqueue_reset()
    inbox.refusals.append(reply)
    deliver()
    redacted = reply.replace("LINK", f"{PUBLIC_URL}/reset-password/{REDACTED}")
    assert get_message(message_id).failure_reply == redacted
    with database.read() as session:
        attempt = session.scalars(select(Attempt)).one()
    assert (attempt.reply, redacted in attempt.transcript) == (redacted, True)


@pytest.mark.one_database
def test_a_link_that_the_server_quotes_when_it_accepts_the_message_is_redacted(
    enqueue_reset: Callable[[], int], deliver: Act, inbox: Inbox, database: Database
) -> None:
    enqueue_reset()
    inbox.refusals.append("250 2.0.0 Ok LINK")
    deliver()
    with database.read() as session:
        reply = session.scalars(select(Attempt.reply)).one()
    assert reply == f"250 2.0.0 Ok {PUBLIC_URL}/reset-password/{REDACTED}"


@pytest.mark.one_database
@pytest.mark.parametrize("code", ["250", "554"])
def test_a_link_is_redacted_that_is_where_a_long_reply_is_cut_off(
    code: str, enqueue_reset: Callable[[], int], deliver: Act, inbox: Inbox, database: Database
) -> None:
    enqueue_reset()
    beginning = f"{code} {'x' * (MAX_ERROR_LENGTH - 40 - len(PUBLIC_URL))} "
    inbox.refusals.append(f"{beginning}LINK")
    deliver()
    with database.read() as session:
        reply = session.scalars(select(Attempt.reply)).one()
    assert reply.removeprefix(beginning) == f"{PUBLIC_URL}/reset-password/{REDACTED}"


def test_a_message_whose_link_is_about_to_expire_is_not_sent(
    enqueue: Enqueue, pending: int, deliver: Act, inbox: Inbox, get_message: GetMessage
) -> None:
    message_id = enqueue("activation", user_id=pending, expires_at=clock.now() + timedelta(seconds=5))
    deliver()
    assert get_message(message_id).state == MessageState.EXPIRED
    assert inbox.messages == []


def test_a_message_is_retried_after_a_temporary_rejection(
    enqueue: Enqueue, deliver: Act, inbox: Inbox, get_message: GetMessage, make_due: Act
) -> None:
    inbox.refusals.append("451 4.7.1 Greylisted")
    message_id = enqueue()
    deliver()
    message = get_message(message_id)
    assert (message.state, message.failure_stage, message.failure_reply) == (
        MessageState.QUEUED,
        "data",
        "451 4.7.1 Greylisted",
    )
    assert message.next_attempt_at > clock.now() + timedelta(seconds=5)
    make_due()
    deliver()
    assert get_message(message_id).state == MessageState.SENT


def test_an_unknown_recipient_ends_one_message_and_delays_no_other(
    enqueue: Enqueue, deliver: Act, get_message: GetMessage, use_server: Callable[..., None]
) -> None:
    ids = [enqueue(recipient=f"{name}@people.example") for name in ("gone", "eve")]
    with ScriptedServer(replies={"RCPT": ["550 5.1.1 No such user", "250 2.1.5 Ok"]}) as server:
        use_server(server)
        deliver()
    gone, eve = map(get_message, ids)
    assert (gone.state, gone.failure_stage, gone.failure_reply) == (
        MessageState.FAILED,
        "rcpt",
        "550 5.1.1 No such user",
    )
    assert (eve.state, server.connections) == (MessageState.SENT, 1)


def test_a_message_that_cannot_be_prepared_delays_no_other_and_fails_after_five_attempts(
    enqueue: Enqueue, deliver: Act, inbox: Inbox, get_message: GetMessage, make_due: Act
) -> None:
    broken, good = enqueue("no_such_kind"), enqueue()
    for _attempt in range(5):
        deliver()
        assert get_message(good).state == MessageState.SENT
        make_due()
    assert (get_message(broken).state, get_message(broken).attempts) == (MessageState.FAILED, 5)
    assert len(inbox.messages) == 1


def test_a_server_that_is_down_is_tried_once_for_all_messages(
    enqueue: Enqueue, deliver: Act, get_message: GetMessage, use_server: Callable[..., None]
) -> None:
    ids = [enqueue(), enqueue()]
    use_server()
    deliver()
    ids.append(enqueue())
    deliver()
    found = [get_message(one) for one in ids]
    assert [one.attempts for one in found] == [1, 0, 0]
    assert {(one.state, one.waits_for_server, one.failure_stage) for one in found} == {
        (MessageState.QUEUED, True, "connect")
    }
    assert found[0].next_attempt_at < min(one.next_attempt_at for one in found[1:])


def test_a_rejected_password_is_not_tried_for_every_message_and_not_stored(
    enqueue: Enqueue, deliver: Act, inbox: Inbox, get_message: GetMessage
) -> None:
    inbox.password = "another one"
    first, second = enqueue(), enqueue()
    deliver()
    assert get_message(first).failure_reply.startswith("535")
    assert inbox.password not in get_message(first).failure_reply
    assert (get_message(first).attempts, get_message(second).attempts) == (1, 0)


def test_waiting_messages_are_due_once_the_server_works_again(
    enqueue: Enqueue, deliver: Act, database: Database, get_message: GetMessage, use_server: Callable[..., None]
) -> None:
    ids = [enqueue(), enqueue()]
    use_server()
    deliver()
    with ScriptedServer() as server:
        use_server(server)
        with database.transaction() as session:
            service.retry(session, ids[0])
        deliver()
    assert [get_message(one).state for one in ids] == [MessageState.SENT, MessageState.SENT]


def test_messages_wait_until_a_mail_server_is_saved(
    enqueue: Enqueue, deliver: Act, get_message: GetMessage, database: Database, use_server: Callable[..., None]
) -> None:
    message_id = enqueue()
    deliver()
    message = get_message(message_id)
    assert (message.state, message.waits_for_server) == (MessageState.QUEUED, True)
    assert (message.failure_stage, message.failure_code) == ("settings", "no_mail_server")
    with ScriptedServer() as server:
        use_server(server)
        with database.transaction() as session:
            service.retry_waiting(session)
        assert not get_message(message_id).waits_for_server
        deliver()
    assert get_message(message_id).state == MessageState.SENT


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        ({"provider": "gone"}, "plugin_missing"),
        ({"sealed_secrets": {"password": {"sealed": "gAAAA", "saved_at": ""}}}, "cannot_unseal"),
        ({"security": "starttls", "tls_minimum": "0.9"}, "settings_failed"),
        ({"mail_from": "mailroom@\u00ad-.example"}, "settings_failed"),
    ],
)
def test_messages_wait_while_the_settings_are_unusable(
    enqueue: Enqueue,
    deliver: Act,
    inbox: Inbox,
    get_message: GetMessage,
    use_server: Callable[..., None],
    damage: dict[str, object],
    code: str,
) -> None:
    use_server(**{"port": inbox.port, "host": inbox.host, **damage})
    message_id = enqueue()
    deliver()
    message = get_message(message_id)
    assert (message.state, message.failure_stage, message.failure_code) == (MessageState.QUEUED, "settings", code)


def test_only_messages_with_links_wait_for_a_public_url(
    enqueue: Enqueue,
    enqueue_reset: Callable[[], int],
    deliver: Act,
    inbox: Inbox,
    get_message: GetMessage,
    database: Database,
) -> None:
    with database.transaction() as session:
        settings.save_general(session, "", "Mailroom", "")
    waiting, notification = enqueue_reset(), enqueue()
    deliver()
    assert get_message(notification).state == MessageState.SENT
    assert (get_message(waiting).state, get_message(waiting).failure_code) == (MessageState.QUEUED, "no_public_url")


def test_concurrent_workers_send_each_message_once(app: Flask, enqueue: Enqueue, inbox: Inbox) -> None:
    for number in range(12):
        enqueue(recipient=f"{number}@people.example")
    workers = [threading.Thread(target=delivery.deliver_due, args=(app,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    counted = Counter(message.rcpt_to[0] for message in inbox.messages)
    assert counted == Counter(f"{number}@people.example" for number in range(12))


def test_an_international_mailbox_is_sent_to_with_smtputf8(enqueue: Enqueue, deliver: Act, inbox: Inbox) -> None:
    enqueue(recipient="ада@bücher.example")
    deliver()
    assert inbox.last.rcpt_to == ["ада@xn--bcher-kva.example"]
    assert "SMTPUTF8" in inbox.last.mail_options


def test_a_worker_that_was_asked_to_stop_claims_no_further_message(
    app: Flask, enqueue: Enqueue, inbox: Inbox, get_message: GetMessage
) -> None:
    ids = [enqueue(), enqueue()]
    delivery.deliver_due(app, stopping=lambda: bool(inbox.messages))
    assert [get_message(one).state for one in ids] == [MessageState.SENT, MessageState.QUEUED]


def test_each_attempt_has_the_same_message_id(
    enqueue: Enqueue, deliver: Act, make_due: Act, get_message: GetMessage, use_server: Callable[..., None]
) -> None:
    message_id = enqueue()
    with ScriptedServer(replies={"END": ["451 4.3.0 Accepted, but something broke", "250 Ok"]}) as server:
        use_server(server)
        deliver()
        make_due()
        deliver()
        ids = [re.search(rb"(?m)^Message-ID: (\S+)", copy) for copy in server.messages]
    assert get_message(message_id).state == MessageState.SENT
    assert len(ids) == 2
    assert len({found[1] for found in ids if found}) == 1
